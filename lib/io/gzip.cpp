#include "io/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "io/file.h"

namespace rn::io {
namespace {

bool is_gzip(const Bytes& bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK; }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  bool ready() const { return ready_; }
  z_stream& operator*() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

Bytes read_unpacked(const std::string& path, std::uint64_t limit) {
  Bytes packed = read_file(path);
  const auto too_large = [&] {
    fail(ErrorKind::input, "{}: holds more than the {} bytes that are expected at most", path,
         limit);
  };
  if (!is_gzip(packed)) {
    if (packed.size() > limit) too_large();
    return packed;
  }
  Inflater inflater;
  if (!inflater.ready()) fail(ErrorKind::failed, "{}: zlib does not start", path);
  z_stream& stream = *inflater;
  constexpr std::size_t piece = 1 << 16;
  Bytes out;
  std::size_t read = 0;
  for (;;) {
    const std::size_t done = out.size();
    out.resize(done + piece);
    // zlib counts in 32 bits.
    const std::size_t given = std::min<std::size_t>(packed.size() - read, 1u << 30);
    stream.next_in = reinterpret_cast<Bytef*>(packed.data() + read);
    stream.avail_in = static_cast<uInt>(given);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream.avail_out = piece;
    const int code = inflate(&stream, Z_NO_FLUSH);
    read += given - stream.avail_in;
    out.resize(done + piece - stream.avail_out);
    if (out.size() > limit) too_large();
    if (code == Z_STREAM_END) {
      if (read == packed.size()) return out;
      if (inflateReset(&stream) != Z_OK) break;  // members one after the other are one file
      continue;
    }
    if (code != Z_OK || (stream.avail_out != 0 && read == packed.size())) break;
  }
  fail(ErrorKind::input, "{}: the gzip data are damaged or cut short after {} bytes", path,
       out.size());
}

}  // namespace rn::io
