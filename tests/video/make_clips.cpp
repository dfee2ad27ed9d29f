// make-clips DIR: clips for the shell tests, good and bad ones.
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "io/file.h"
#include "video/moving.h"

namespace {

using namespace rn;

// One second of silence: 8 kHz, 8 bits.
io::Bytes silence() {
  constexpr std::uint32_t samples = 8000;
  io::Bytes bytes(44 + samples, std::byte{128});
  const auto put = [&](std::size_t at, std::uint32_t value, std::size_t size) {
    std::memcpy(bytes.data() + at, &value, size);
  };
  std::memcpy(bytes.data(), "RIFF", 4);
  put(4, 36 + samples, 4);
  std::memcpy(bytes.data() + 8, "WAVEfmt ", 8);
  put(16, 16, 4);
  put(20, 1, 2);
  put(22, 1, 2);
  put(24, 8000, 4);
  put(28, 8000, 4);
  put(32, 1, 2);
  put(34, 8, 2);
  std::memcpy(bytes.data() + 36, "data", 4);
  put(40, samples, 4);
  return bytes;
}

int run(const std::string& folder) {
  const auto write = [&](const std::string& name, const io::Bytes& bytes) {
    io::write_file(folder + "/" + name, bytes);
  };
  const io::Bytes good = test::moving_film("good.mp4", 6, 48, 64, 1.5, -1);
  write("good.mp4", good);
  write("other.mkv", test::moving_film("other.mkv", 5, 48, 64, -1, 0));
  write("still.mkv", test::moving_film("still.mkv", 4, 48, 64, 0, 0));
  write("single.mp4", test::moving_film("single.mp4", 1, 48, 64, 0, 0));
  write("headless.mp4", io::Bytes(good.begin(), good.begin() + static_cast<long>(good.size() / 2)));
  const io::Bytes long_one = test::moving_film("cut.mkv", 30, 48, 64, 1, 1);
  write("cut.mkv",
        io::Bytes(long_one.begin(), long_one.begin() + static_cast<long>(long_one.size() / 2)));
  io::Bytes sizes = test::moving_film("a.ts", 5, 48, 64, 1, 0);
  const io::Bytes larger = test::moving_film("b.ts", 5, 64, 96, 1, 0);
  sizes.insert(sizes.end(), larger.begin(), larger.end());
  write("sizes.ts", sizes);
  write("sound.avi", silence());
  write("empty.avi", {});
  io::Bytes text(200, std::byte{'x'});
  write("text.avi", text);
  write("frame0.png", video::encode_png(test::moved_texture(48, 65, 0, 0)));
  write("frame1.png", video::encode_png(test::moved_texture(48, 65, 1.5, -1)));
  write("small.png", video::encode_png(test::moved_texture(40, 65, 0, 0)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    return run(argv[1]);
  } catch (const Error& error) {
    std::fprintf(stderr, "make-clips: %s\n", error.what());
    return 1;
  }
}
