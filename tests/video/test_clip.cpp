#include <algorithm>

#include "io/file.h"
#include "support/catch.h"
#include "support/files.h"
#include "video/clip.h"
#include "video/clips.h"
#include "video/moving.h"

using namespace rn;
using namespace rn::video;

namespace {

std::string why_refused(const std::string& path) {
  try {
    count_frames(path, 0, 1);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::input ? error.what() : "another kind of error";
  }
  return {};
}

}  // namespace

TEST_CASE("a film comes back picture by picture", "[video]") {
  const test::TempDir dir;
  for (const char* name : {"a.mp4", "a.mkv"}) {
    INFO(name);
    const std::string path = dir / name;
    const io::Bytes bytes = test::moving_film(name, 7, 48, 64, 1.5, -1);
    CHECK(bytes == test::moving_film(name, 7, 48, 64, 1.5, -1));  // the same bytes again
    io::write_file(path, bytes);
    Clip clip(path);
    CHECK(clip.info().rate == Approx(25));
    int frames = 0;
    for (Tensor picture = clip.next(); picture; picture = clip.next(), ++frames) {
      REQUIRE(picture.shape() == Shape{48, 64, 3});
      const Tensor want = test::moved_texture(48, 64, 1.5 * frames, -1.0 * frames);
      double off = 0;
      for (std::int64_t i = 0; i < picture.size(); ++i) {
        off += std::abs(static_cast<double>(picture.data<std::uint8_t>()[i]) -
                        want.data<std::uint8_t>()[i]);
      }
      CHECK(off / static_cast<double>(picture.size()) < 4);  // what compression costs
    }
    CHECK(frames == 7);
    CHECK(!clip.truncated());
    CHECK(count_frames(path, 0, 3).frames == 3);  // 0, 3 and 6
    const Counted small = count_frames(path, 24, 1);
    CHECK(small.info.height == 24);
    CHECK(small.info.width == 32);
    CHECK(small.info.source_height == 48);
  }
}

TEST_CASE("a PNG comes back byte for byte", "[video]") {
  const test::TempDir dir;
  const Tensor picture = test::moved_texture(33, 47, 0, 0);
  const std::string path = dir / "a.png";
  io::write_file(path, encode_png(picture));
  const Tensor back = read_picture(path);
  REQUIRE(back.shape() == picture.shape());
  CHECK(std::equal(back.data<std::uint8_t>(), back.data<std::uint8_t>() + back.size(),
                   picture.data<std::uint8_t>()));
}

TEST_CASE("clips that cannot be used say why", "[video]") {
  const test::TempDir dir;
  const std::string path = dir / "x.mkv";
  const io::Bytes film = test::moving_film("x.mkv", 30, 48, 64, 1, 0);
  io::write_file(path, film);
  CHECK(why_refused(path).empty());
  // Cut off anywhere, a clip is refused, or nearly whole.
  for (std::size_t tenth = 0; tenth < 8; ++tenth) {
    INFO(tenth);
    io::write_file(
        path, io::Bytes(film.begin(), film.begin() + static_cast<long>(film.size() * tenth / 10)));
    CHECK(why_refused(path).find(path) == 0);
  }
  CHECK(why_refused(dir / "absent.avi").find("absent.avi") != std::string::npos);
}

TEST_CASE("clips are found in folders and lists", "[video]") {
  const test::TempDir dir;
  const auto names = [](const std::vector<ClipName>& clips) {
    std::vector<std::string> out;
    for (const ClipName& clip : clips) out.push_back(clip.name);
    return out;
  };
  const io::Bytes none;
  std::filesystem::create_directories(dir / "set/wave");
  for (const char* name : {"set/wave/b.AVI", "set/wave/a.mp4", "set/z.mkv", "set/notes.doc"}) {
    io::write_file(dir / name, none);
  }
  const std::vector<std::string> all{"wave/a.mp4", "wave/b.AVI", "z.mkv"};
  CHECK(names(find_clips({dir / "set"})) == all);
  const std::string text = "# a split\nwave/a.mp4 1\r\n\nwave/b.AVI\n../up.avi 2\n/abs/c.avi\n";
  io::write_file(dir / "set/list.txt", std::as_bytes(std::span(text)));
  const auto listed = find_clips({dir / "set/list.txt"});
  CHECK(names(listed) == std::vector<std::string>{"wave/a.mp4", "wave/b.AVI", "up.avi", "c.avi"});
  CHECK(listed[0].path == dir / "set/wave/a.mp4");
  CHECK(listed[3].path == "/abs/c.avi");
  CHECK_THROWS_AS(find_clips({dir / "set", dir / "set/wave/a.mp4", dir / "set"}), Error);
  std::filesystem::create_directories(dir / "bare");
  CHECK_THROWS_AS(find_clips({dir / "bare"}), Error);
}
