// Weight files of other tools, made byte by byte: good ones, and ones that lie.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "io/h5.h"

namespace rn::test {

inline io::Bytes as_bytes(const std::string& text) {
  io::Bytes bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

inline std::string little_endian(std::uint64_t value, int width) {
  std::string text;
  for (int i = 0; i < width; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

inline std::string safetensors(const std::string& header, const std::string& data) {
  return little_endian(header.size(), 8) + header + data;
}

// A pickle of protocol 2, opcode by opcode.
class PickleText {
 public:
  PickleText& op(const std::string& bytes) {
    text_ += bytes;
    return *this;
  }
  PickleText& text(const std::string& s) { return op("X" + little_endian(s.size(), 4) + s); }
  PickleText& integer(std::int64_t i) {
    return op("\x8a\x08" + little_endian(static_cast<std::uint64_t>(i), 8));
  }
  PickleText& global(const std::string& module, const std::string& name) {
    return op("c" + module + "\n" + name + "\n");
  }
  PickleText& tuple(const std::vector<std::int64_t>& values) {
    op("(");
    for (const std::int64_t v : values) integer(v);
    return op("t");
  }
  PickleText& storage(const std::string& type, const std::string& key, std::int64_t count) {
    return op("(")
        .text("storage")
        .global("torch", type)
        .text(key)
        .text("cpu")
        .integer(count)
        .op("tQ");
  }
  // What torch writes for a tensor.
  PickleText& tensor(const std::string& type, const std::string& key, std::int64_t count,
                     const std::vector<std::int64_t>& shape,
                     const std::vector<std::int64_t>& strides, std::int64_t offset = 0) {
    global("torch._utils", "_rebuild_tensor_v2").op("(").storage(type, key, count).integer(offset);
    return tuple(shape).tuple(strides).op("\x89").ordered_dict().op("tR");
  }
  PickleText& ordered_dict() { return global("collections", "OrderedDict").op(")R"); }
  std::string end() const { return "\x80\x02" + text_ + "."; }

 private:
  std::string text_;
};

using Entries = std::vector<std::pair<std::string, std::string>>;

// Before PyTorch 1.6. Each storage: its key, and its count and bytes.
inline std::string torch_legacy(const std::string& content, const Entries& storages,
                                const std::string& little = "\x88") {
  using namespace std::literals;
  std::string file = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s;
  file += "\x80\x02M\xe9\x03."s;
  file += PickleText().op("}").text("little_endian").op(little + "s").end();
  file += content;
  PickleText keys;
  keys.op("](");
  for (const auto& storage : storages) keys.text(storage.first);
  file += keys.op("e").end();
  for (const auto& storage : storages) file += storage.second;
  return file;
}

// The bytes of a legacy storage.
template <class T>
std::string counted(const std::vector<T>& values) {
  return little_endian(values.size(), 8) + raw(values);
}

inline std::uint32_t crc32(const std::string& text) {
  std::uint32_t crc = 0xffffffffu;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

// One entry of an archive; what is claimed may differ from what is there.
struct ZipEntry {
  std::string name, content;  // content: as it lies in the file
  int method = 0;             // 0: stored, 8: deflated
  std::int64_t size = -1;     // unpacked; -1: the truth of a stored entry
  std::int64_t crc = -1;
  int flags = 0;  // 1: encrypted
};

inline std::string zip(const std::vector<ZipEntry>& entries) {
  std::string file, directory;
  for (const ZipEntry& e : entries) {
    const auto size = static_cast<std::uint64_t>(
        e.size < 0 ? static_cast<std::int64_t>(e.content.size()) : e.size);
    const std::uint64_t crc = e.crc < 0 ? crc32(e.content) : static_cast<std::uint64_t>(e.crc);
    const auto number = [](std::uint64_t v, int width) { return little_endian(v, width); };
    const std::string common = number(20, 2) + number(static_cast<std::uint64_t>(e.flags), 2) +
                               number(static_cast<std::uint64_t>(e.method), 2) + number(0, 4) +
                               number(crc, 4) + number(e.content.size(), 4) + number(size, 4) +
                               number(e.name.size(), 2) + number(0, 2);
    directory += "PK\x01\x02" + number(20, 2) + common + number(0, 2) + number(0, 2) +
                 number(0, 2) + number(0, 4) + number(file.size(), 4) + e.name;
    file += "PK\x03\x04" + common + e.name + e.content;
  }
  const std::uint64_t at = file.size();
  return file + directory + "PK\x05\x06" + little_endian(0, 4) + little_endian(entries.size(), 2) +
         little_endian(entries.size(), 2) + little_endian(directory.size(), 4) +
         little_endian(at, 4) + little_endian(0, 2);
}

// A deflated entry: its content in one block that is stored as it is.
inline ZipEntry deflated(const std::string& name, const std::string& content) {
  const std::uint64_t n = content.size();
  return {name, "\x01" + little_endian(n, 2) + little_endian(~n, 2) + content, 8,
          static_cast<std::int64_t>(n), crc32(content)};
}

inline std::string torch_zip(const std::string& content, const Entries& storages) {
  std::vector<ZipEntry> entries = {{"archive/data.pkl", content}, {"archive/byteorder", "little"}};
  for (const auto& [key, bytes] : storages) entries.push_back({"archive/data/" + key, bytes});
  entries.push_back({"archive/version", "3\n"});
  return zip(entries);
}

}  // namespace rn::test
