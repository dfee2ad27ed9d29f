#include "io/torch_file.h"

#include <cstring>
#include <map>
#include <unordered_map>

#include "io/pickle.h"
#include "io/quoted.h"
#include "io/torch_state.h"
#include "io/zip.h"

namespace rn::io {
namespace {

using Kind = Pickle::Kind;

// The first pickle of a legacy file: 0x1950a86a20f9469cfc6c.
constexpr unsigned char magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

constexpr std::uint64_t pickle_limit = std::uint64_t{1} << 28;  // bytes

// Numbers of elements stand before legacy storages, in the byte order of the writer.
std::uint64_t count_at(std::span<const std::byte> bytes, bool big_endian) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    count = (count << 8) | std::to_integer<std::uint64_t>(bytes[big_endian ? i : 7 - i]);
  }
  return count;
}

// <folder>/data.pkl, or data.pkl; the folder with its slash, which all entries share.
std::string folder_of(const Zip& zip, const std::string& name) {
  const auto has = [&](const std::string& what) {
    for (const std::string& entry : zip.entries()) {
      if (entry == what ||
          (entry.ends_with("/" + what) && entry.find('/') == entry.size() - what.size() - 1)) {
        return std::make_pair(true, entry.substr(0, entry.size() - what.size()));
      }
    }
    return std::make_pair(false, std::string());
  };
  const auto [found, folder] = has("data.pkl");
  if (has("constants.pkl").first) {
    fail(ErrorKind::input,
         "{}: a TorchScript program; in Python, torch.save(torch.jit.load(FILE).state_dict(), ...)",
         name);
  }
  if (!found) {
    fail(ErrorKind::input, "{}: a zip archive, but not of PyTorch: no data.pkl in it", name);
  }
  return folder;
}

}  // namespace

bool looks_like_torch_legacy(std::span<const std::byte> bytes) {
  // PROTO 2 LONG1 10 <magic> STOP; a frame comes between in newer protocols.
  for (const std::size_t at : {std::size_t{4}, std::size_t{13}}) {
    if (bytes.size() > at + sizeof magic && std::to_integer<int>(bytes[0]) == 0x80 &&
        std::memcmp(bytes.data() + at, magic, sizeof magic) == 0) {
      return true;
    }
  }
  return false;
}

WeightFile read_torch_legacy(std::span<const std::byte> bytes, const std::string& name,
                             const std::string& entry) {
  if (!looks_like_torch_legacy(bytes)) {
    fail(ErrorKind::input, "{}: does not begin as torch.save writes it", name);
  }
  std::size_t at = 0;
  const auto next = [&](const char* what) {
    const Pickle pickle(bytes.subspan(at), fmt::format("{}: {}", name, what));
    at += pickle.length();
    return pickle;
  };
  next("magic number");
  const Pickle protocol = next("protocol version");
  if (protocol.root().kind != Kind::integer || protocol.root().integer != 1001) {
    fail(ErrorKind::input, "{}: protocol version {} of torch.save, 1001 is known", name,
         protocol.root().integer);
  }
  const Pickle system = next("system information");
  const Pickle::Value* little = system.find(system.root(), "little_endian");
  const bool big_endian = little && little->kind == Kind::boolean && little->integer == 0;

  const Pickle pickle = next("content");
  const Pickle keys = next("keys of storages");
  if (keys.root().kind != Kind::list) {
    fail(ErrorKind::input, "{}: keys of storages are no list", name);
  }

  // Only the ids in the content know how wide the elements of a storage are.
  std::unordered_map<std::string_view, std::size_t> widths;
  for (const Pickle::Value& value : pickle.values()) {
    if (value.kind != Kind::persistent || value.args == Pickle::nothing) continue;
    const Pickle::Value& id = pickle[value.args];
    if (id.kind == Kind::tuple && !id.items.empty() && pickle[id.items[0]].text == "module") {
      continue;  // the source code of a pickled model
    }
    const TorchStorage storage = torch_storage(pickle, value, name);
    const auto [known, fresh] = widths.emplace(storage.key, storage.width());
    if (!fresh && known->second != storage.width()) {
      fail(ErrorKind::input, "{}: storage {} has two types", name, quoted(storage.key));
    }
  }
  std::unordered_map<std::string_view, std::span<const std::byte>> storages;
  for (const Pickle::Ref ref : keys.root().items) {
    const std::string_view key = keys[ref].text;
    const auto width = widths.find(key);
    if (keys[ref].kind != Kind::text || width == widths.end() || storages.contains(key)) {
      fail(ErrorKind::input, "{}: storage {} is not used, or listed twice", name, quoted(key));
    }
    const auto rest = bytes.subspan(at);
    const std::uint64_t count = rest.size() < 8 ? 0 : count_at(rest, big_endian);
    if (rest.size() < 8 || count > (rest.size() - 8) / width->second) {
      fail(ErrorKind::input, "{}: truncated: storage {} of {} elements is not whole; copy it again",
           name, quoted(key), count);
    }
    const auto size = static_cast<std::size_t>(count) * width->second;
    storages.emplace(key, rest.subspan(8, size));
    at += 8 + size;
  }
  const TorchFile file{.name = name,
                       .format = WeightFormat::torch_legacy,
                       .pickle = pickle,
                       .file_bytes = bytes.size(),
                       .big_endian = big_endian,
                       .storage = [&](const TorchStorage& storage) {
                         const auto found = storages.find(storage.key);
                         if (found == storages.end()) {
                           fail(ErrorKind::input, "{}: storage {} is missing", name,
                                quoted(storage.key));
                         }
                         return found->second;
                       }};
  return torch_weights(file, entry);
}

WeightFile read_torch_zip(std::span<const std::byte> bytes, const std::string& name,
                          const std::string& entry) {
  const Zip zip(bytes, name);
  const std::string folder = folder_of(zip, name);
  bool big_endian = false;
  if (zip.has(folder + "byteorder")) {
    const Bytes order = zip.read(folder + "byteorder", 16);
    const std::string_view text(reinterpret_cast<const char*>(order.data()), order.size());
    if (text != "little" && text != "big") {
      fail(ErrorKind::input, "{}: byte order {} is unknown", name, quoted(text));
    }
    big_endian = text == "big";
  }
  const Bytes content = zip.read(folder + "data.pkl", pickle_limit);
  const Pickle pickle(content, fmt::format("{}: data.pkl", name));

  WeightBudget budget(name, bytes.size());
  std::map<std::string, Bytes, std::less<>> storages;  // read when a tensor wants them
  const TorchFile file{
      .name = name,
      .format = WeightFormat::torch_zip,
      .pickle = pickle,
      .file_bytes = bytes.size(),
      .big_endian = big_endian,
      .storage = [&](const TorchStorage& storage) -> std::span<const std::byte> {
        auto found = storages.find(storage.key);
        const std::uint64_t wanted = static_cast<std::uint64_t>(storage.count) * storage.width();
        if (found == storages.end()) {
          budget.take(wanted, storage.key);
          const std::string from = fmt::format("{}data/{}", folder, storage.key);
          // Some versions write more than the elements; never much more.
          Bytes read = zip.read(from, wanted + (std::uint64_t{1} << 16));
          if (read.size() > wanted) budget.take(read.size() - wanted, storage.key);
          found = storages.emplace(std::string(storage.key), std::move(read)).first;
        }
        if (found->second.size() < wanted) {
          fail(ErrorKind::input, "{}: storage {} has {} bytes; {} are claimed", name,
               quoted(storage.key), found->second.size(), wanted);
        }
        return std::span<const std::byte>(found->second).first(wanted);
      }};
  return torch_weights(file, entry);
}

}  // namespace rn::io
