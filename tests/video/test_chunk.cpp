#include <algorithm>
#include <filesystem>
#include <set>

#include "io/file.h"
#include "support/catch.h"
#include "support/files.h"
#include "video/action_films.h"
#include "video/chunk_batcher.h"
#include "video/clip.h"
#include "video/flow_field.h"
#include "video/flow_run.h"
#include "video/moving.h"

using namespace rn;
using namespace rn::video;

TEST_CASE("chunks are functions of seed, epoch and clip, and lie in their clip", "[video]") {
  std::set<std::int64_t> starts, strides;
  std::set<bool> flips;
  for (const Crop crop : {Crop::centre, Crop::corners, Crop::jitter}) {
    const ChunkOptions o{.frames = 5, .stride_low = 2, .stride_high = 4, .side = 28, .crop = crop};
    for (std::int64_t i = 0; i < 200; ++i) {
      const Chunk chunk = draw_chunk(o, 1, 3, i, 30, 48, 64);
      const Chunk same = draw_chunk(o, 1, 3, i, 30, 48, 64);
      CHECK(chunk.frames == same.frames);
      CHECK(chunk.window.x == same.window.x);
      REQUIRE(chunk.frames.size() == 5);
      REQUIRE(chunk.frames.front() >= 0);
      REQUIRE(chunk.frames.back() < 30);
      const std::int64_t stride = chunk.frames[1] - chunk.frames[0];
      for (std::size_t t = 1; t < 5; ++t) CHECK(chunk.frames[t] - chunk.frames[t - 1] == stride);
      starts.insert(chunk.frames[0]);
      strides.insert(stride);
      flips.insert(chunk.flip);
      const data::Window& w = chunk.window;
      CHECK(w.x >= 0);
      CHECK(w.y >= 0);
      CHECK(w.x + w.width <= 64 + 1e-9);
      CHECK(w.y + w.height <= 48 + 1e-9);
      CHECK(w.height >= 0.6 * 48);
      if (crop == Crop::jitter) {
        CHECK(std::min(w.x, 64 - w.x - w.width) <= 16 + 1e-9);
        CHECK(std::min(w.y, 48 - w.y - w.height) <= 12 + 1e-9);
      }
      if (crop == Crop::centre) CHECK(w.width == Approx(0.875 * 48));
    }
  }
  CHECK(strides == std::set<std::int64_t>{2, 3, 4});
  CHECK(starts.contains(0));  // the first picture may begin, and the last may end
  CHECK(flips.size() == 2);
  const ChunkOptions still{.frames = 5, .flip = false};
  CHECK(draw_chunk({.frames = 5}, 1, 3, 0, 30, 48, 64).frames !=
        draw_chunk({.frames = 5}, 1, 4, 0, 30, 48, 64).frames);
  for (std::int64_t i = 0; i < 20; ++i) CHECK(!draw_chunk(still, 1, 0, i, 30, 48, 64).flip);
}

TEST_CASE("short clips: strides shrink, the last picture comes again", "[video]") {
  const ChunkOptions o{.frames = 5, .stride_low = 5, .stride_high = 15};
  const Chunk nine = draw_chunk(o, 1, 0, 0, 9, 32, 32);
  CHECK(nine.frames == std::vector<std::int64_t>{0, 2, 4, 6, 8});
  const Chunk two = draw_chunk(o, 1, 0, 0, 2, 32, 32);
  CHECK(two.frames == std::vector<std::int64_t>{0, 1, 1, 1, 1});
  CHECK(draw_chunk(o, 1, 0, 0, 1, 32, 32).frames == std::vector<std::int64_t>(5, 0));
}

TEST_CASE("for testing, frames at equal distances of the whole picture", "[video]") {
  CHECK(whole_chunk(5, 9, 32, 48, false).frames == std::vector<std::int64_t>{0, 2, 4, 6, 8});
  CHECK(whole_chunk(1, 9, 32, 48, false).frames == std::vector<std::int64_t>{4});
  const Chunk many = whole_chunk(25, 10, 32, 48, true);
  CHECK(many.frames.size() == 25);
  CHECK(many.frames.back() == 9);
  CHECK(std::is_sorted(many.frames.begin(), many.frames.end()));
  CHECK(many.window.width == 48);
  CHECK(many.flip);
}

TEST_CASE("a stack of flow is centred on its frame", "[video]") {
  CHECK(stack_of(10, 10, 100) == std::vector<std::int64_t>{5, 6, 7, 8, 9, 10, 11, 12, 13, 14});
  CHECK(stack_of(1, 4, 3) == std::vector<std::int64_t>{0, 0, 1, 2});  // the ends come again
  CHECK(stack_of(9, 3, 9) == std::vector<std::int64_t>{8, 8, 8});
}

namespace {

std::string said(const ClipSet& set, const StoreOptions& options) {
  try {
    const ClipStore store(set, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const data::Normalization plain_frames{{0, 0, 0}, {1 / 255.0, 1 / 255.0, 1 / 255.0}};

}  // namespace

TEST_CASE("what a store reads is what is in the clip, cached or not", "[video]") {
  const test::TempDir dir;
  const std::string path = dir / "a/moving.mp4";
  std::filesystem::create_directories(dir / "a");
  io::write_file(path, test::moving_film("moving.mp4", 9, 32, 48, 1.5, -1));
  const ClipSet set = open_clips("clips:" + (dir / ""), data::Split::train);
  REQUIRE(run_flow({.inputs = {dir / ""}, .output = dir / "flow"}).made == 1);

  const ClipStore cached(set, {}), bare(set, {.cache_bytes = 0});
  const ClipStore files(set, {.flow_folder = dir / "flow", .cache_bytes = 0});
  REQUIRE(cached.count() == 1);
  CHECK(cached.clips()[0].frames == 9);
  CHECK(files.clips()[0].frames == 9);
  CHECK(files.digest() == cached.digest());
  const std::vector<std::int64_t> frames{0, 4, 8}, fields{1, 3, 4, 7};
  const Pixels a = cached.read(0, frames, fields), b = bare.read(0, frames, fields),
               c = files.read(0, frames, fields), again = cached.read(0, frames, fields);
  std::vector<Tensor> whole;
  Clip clip(path);
  for (Tensor picture = clip.next(); picture; picture = clip.next()) whole.push_back(picture);
  for (const Pixels* found : {&a, &b, &c, &again}) {
    REQUIRE(found->frames.size() == 3);
    REQUIRE(found->fields.size() == 4);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(std::ranges::equal(found->frames[i].span<std::uint8_t>(),
                               whole[static_cast<std::size_t>(frames[i])].span<std::uint8_t>()));
    }
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(std::ranges::equal(found->fields[i].span<std::uint8_t>(),
                               a.fields[i].span<std::uint8_t>()));
    }
  }
  // (1.5, -1) pixels, in steps of 20 / 127 around 128.
  double u = 0, v = 0;
  for (std::int64_t i = 0; i < 32 * 48; ++i) {
    u += a.fields[1].data<std::uint8_t>()[2 * i];
    v += a.fields[1].data<std::uint8_t>()[2 * i + 1];
  }
  CHECK(u / (32 * 48) == Approx(128 + 1.5 / 20 * 127).margin(2));
  CHECK(v / (32 * 48) == Approx(128 - 1.0 / 20 * 127).margin(2));
}

TEST_CASE("a mirrored chunk is the chunk of the mirrored clip", "[video]") {
  const test::TempDir dir;
  write_actions(dir / "films", {.clips = 1, .test = 0, .frames = 12, .side = 32});
  const ClipSet set = open_clips("clips:" + (dir / "films"), data::Split::train);
  const ClipStore store(set, {});
  data::Normalization flow{std::vector<double>(8, 128 / 255.0), std::vector<double>(8, 1 / 255.0)};
  const ChunkReader reader(store, 4, plain_frames, flow, Dtype::f32);
  Chunk chunk = whole_chunk(3, 12, 32, 32, false);
  const Tensor frames({4, 32, 32, 3}, Dtype::f32, Tag::input),
      stacks({4, 32, 32, 8}, Dtype::f32, Tag::input), mirrored = frames.clone(),
                                                      mirrored_stacks = stacks.clone();
  reader.read(2, chunk, frames, stacks, 1);
  chunk.flip = true;
  reader.read(2, chunk, mirrored, mirrored_stacks, 1);
  const Pixels pixels = store.read(2, {0, 6, 11}, {4, 5, 6, 7});
  int moving = 0;
  for (std::int64_t y = 0; y < 32; ++y) {
    for (std::int64_t x = 0; x < 32; ++x) {
      const std::int64_t at = (2 * 32 + y) * 32 + x, other = (2 * 32 + y) * 32 + 31 - x;
      for (std::int64_t c = 0; c < 3; ++c) {
        const float value = frames.data<float>()[at * 3 + c];
        REQUIRE(mirrored.data<float>()[other * 3 + c] == value);
        REQUIRE(value == Approx(pixels.frames[1].data<std::uint8_t>()[(y * 32 + x) * 3 + c]));
      }
      // Row 2 is frame 6, whose stack is fields 4 to 7: u, v, u, v, ...
      for (std::int64_t c = 0; c < 8; ++c) {
        const float value = stacks.data<float>()[at * 8 + c];
        const auto byte = pixels.fields[static_cast<std::size_t>(c / 2)]
                              .data<std::uint8_t>()[(y * 32 + x) * 2 + c % 2];
        REQUIRE(value == Approx(int{byte} - 128).margin(1e-4));
        REQUIRE(mirrored_stacks.data<float>()[other * 8 + c] ==
                Approx(c % 2 == 0 ? -value : value).margin(1e-4));
        moving += value != 0;
      }
    }
  }
  CHECK(moving > 100);
  const ChunkNormalization measured = measure_chunks(store, true, true, 4);
  CHECK(measured.frames.mean.size() == 3);
  CHECK(measured.flow.mean == std::vector<double>(8, 128 / 255.0));
  CHECK(measured.flow.stddev[0] > 0);
}

TEST_CASE("batches do not depend on how many threads make them, or where one starts", "[video]") {
  const test::TempDir dir;
  write_actions(dir / "films", {.clips = 1, .test = 0, .frames = 8, .side = 24});
  const ClipStore store(open_clips("clips:" + (dir / "films"), data::Split::train), {});
  const ChunkNormalization n = measure_chunks(store, true, true, 2);
  const ChunkReader reader(store, 2, n.frames, n.flow, Dtype::f32);
  const ChunkOptions o{.frames = 2, .stride_high = 3, .flow_stack = 2, .side = 16};
  const auto jobs = [&](std::int64_t number) {
    std::vector<ChunkJob> list;
    for (std::int64_t i = 0; i < 4 && number < 4; ++i) {
      const std::int64_t clip = (number % 2) * 4 + i;
      list.push_back({clip, draw_chunk(o, 1, number / 2, clip, 8, 24, 24)});
    }
    return list;
  };
  ChunkBatcher one(store, reader, {.flow_stack = 2, .jobs = jobs});
  ChunkBatcher many(store, reader, {.flow_stack = 2, .first = 1, .loaders = 3, .jobs = jobs});
  REQUIRE(one.next());
  for (int number = 1; number < 4; ++number) {
    const ChunkBatch *a = one.next(), *b = many.next();
    REQUIRE(a);
    REQUIRE(b);
    CHECK(b->number == number);
    CHECK(a->clips == b->clips);
    CHECK(a->labels == b->labels);
    CHECK(a->frames.shape() == Shape{8, 16, 16, 3});
    CHECK(a->flow.shape() == Shape{8, 16, 16, 4});
    CHECK(std::ranges::equal(a->frames.span<float>(), b->frames.span<float>()));
    CHECK(std::ranges::equal(a->flow.span<float>(), b->flow.span<float>()));
  }
  CHECK(!one.next());
  CHECK(!many.next());
}

TEST_CASE("clips that cannot be used are named, and the others stay", "[video]") {
  const test::TempDir dir;
  const std::string list = dir / "list.csv";
  const auto put = [&](const std::string& name, const io::Bytes& bytes) {
    io::write_file(dir / name, bytes);
  };
  const io::Bytes good = test::moving_film("good.mp4", 6, 32, 48, 1, 0);
  put("good.mp4", good);
  put("one.mp4", test::moving_film("one.mp4", 1, 32, 48, 1, 0));
  put("cut.mp4", io::Bytes(good.begin(), good.begin() + good.size() / 2));
  put("text.mp4", io::Bytes(300, std::byte{'x'}));
  put("empty.mp4", {});
  const std::string text =
      "good.mp4,a\none.mp4,a\ncut.mp4,b\ntext.mp4,b\nempty.mp4,b\nabsent.mp4,a\n";
  io::write_file(list, std::as_bytes(std::span(text)));
  const ClipSet set = open_clips("clips:" + list, data::Split::train);
  const ClipStore store(set, {});
  CHECK(store.count() == 1);
  CHECK(store.set().clips[0].name == "good.mp4");
  REQUIRE(store.skipped().size() == 5);
  for (const Skipped& skipped : store.skipped()) {
    CHECK(skipped.why.find(skipped.path) == 0);  // begins with the file's name
  }
  CHECK(store.skipped()[0].why.find("one picture") != std::string::npos);
  CHECK(store.skipped()[4].why.find("no such file") != std::string::npos);
  CHECK(ClipStore(set, {.flow = false}).count() == 2);  // of one picture, but no flow is wanted
  CHECK(said(set, {.strict = true}).find("one.mp4") != std::string::npos);

  // Flow that is not there, of another clip, or with another stride.
  ClipSet only = set;
  only.clips.resize(1);
  CHECK(said(only, {.flow_folder = dir / "flow"}).find("has no flow") != std::string::npos);
  const std::string flow = dir / "flow/good.mp4.h5";
  run_flow({.inputs = {dir / "good.mp4"}, .options = {.stride = 2}, .output = dir / "flow/"});
  CHECK(said(only, {.flow_folder = dir / "flow"}).find("stride 1") != std::string::npos);
  std::filesystem::remove(flow);
  run_flow({.inputs = {dir / "good.mp4"}, .output = dir / "flow/"});
  CHECK(said(only, {.flow_folder = dir / "flow"}).empty());
  put("good.mp4", test::moving_film("good.mp4", 7, 32, 48, 1, 0));
  CHECK(said(only, {.flow_folder = dir / "flow"}).find("another clip") != std::string::npos);
}
