#include <signal.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <set>

#include "base/rng.h"
#include "data/augment.h"
#include "data/batcher.h"
#include "data/kinds.h"
#include "support/files.h"

using namespace rn;
using namespace rn::data;
using rn::test::error_of;

namespace {

constexpr std::int64_t height = 6, width = 5, channels = 3;

// Sample i has label i % 4; its bytes say where they are. Notes the signal mask it is read under.
class Marked : public Source {
 public:
  explicit Marked(std::int64_t count) {
    info_ = {.uri = "test:marked",
             .count = count,
             .height = height,
             .width = width,
             .channels = channels};
    info_.class_names = {"a", "b", "c", "d"};
  }
  static std::uint8_t byte(std::int64_t index, std::int64_t at) {
    return static_cast<std::uint8_t>(index * 17 + at + 1);
  }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override {
    if (index == broken) throw Error(ErrorKind::input, "sample is broken");
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (std::size_t i = 0; i < image.size(); ++i) {
      image[i] = byte(index, static_cast<std::int64_t>(i));
    }
    return static_cast<std::int32_t>(index % 4);
  }
  std::int64_t broken = -1;
  mutable sigset_t mask{};
};

Normalization plain() { return {{0.1, 0.2, 0.3}, {0.5, 1.0, 2.0}, {}}; }

BatcherOptions all_of(std::int64_t count, std::int64_t batch) {
  BatcherOptions options;
  options.indices.resize(static_cast<std::size_t>(count));
  std::iota(options.indices.begin(), options.indices.end(), 0);
  options.batch = batch;
  options.normalization = plain();
  return options;
}

struct Kept {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> indices;
  std::int64_t epoch, number;
  bool operator==(const Kept&) const = default;
};

std::vector<Kept> drain(const Source& source, const BatcherOptions& options, std::size_t most) {
  std::vector<Kept> kept;
  Batcher batcher(source, options);
  while (const Batch* batch = kept.size() < most ? batcher.next() : nullptr) {
    const auto images = batch->images.span<float>();
    const auto labels = batch->labels.span<std::int32_t>();
    kept.push_back({{images.begin(), images.end()},
                    {labels.begin(), labels.end()},
                    batch->indices,
                    batch->epoch,
                    batch->number});
  }
  return kept;
}

}  // namespace

TEST_CASE("an evaluation pass gives every sample once, in order, the last batch smaller") {
  const Marked source(10);
  BatcherOptions options = all_of(10, 4);
  options.epochs = 1;
  Batcher counted(source, options);
  CHECK(counted.batches_per_epoch() == 3);
  const auto batches = drain(source, options, 100);
  REQUIRE(batches.size() == 3);
  CHECK(batches[0].indices == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(batches[2].indices == std::vector<std::int64_t>{8, 9});
  CHECK(batches[2].labels == std::vector<std::int32_t>{0, 1});
  CHECK(batches[2].images.size() == 2 * height * width * channels);
  const Normalization n = plain();
  for (std::size_t at = 0; at < batches[2].images.size(); ++at) {
    const std::int64_t index = 8 + static_cast<std::int64_t>(at) / (height * width * channels);
    const double byte = Marked::byte(index, static_cast<std::int64_t>(at) % 90);
    const double expected = (byte / 255 - n.mean[at % 3]) / n.stddev[at % 3];
    REQUIRE(batches[2].images[at] == static_cast<float>(expected));
  }
}

TEST_CASE("batches are the requested subset and dtype") {
  const Marked source(10);
  BatcherOptions options = all_of(10, 2);
  options.indices = {7, 3, 3};
  options.epochs = 1;
  options.dtype = Dtype::f64;
  Batcher batcher(source, options);
  const Batch* batch = batcher.next();
  REQUIRE(batch);
  CHECK(batch->images.dtype() == Dtype::f64);
  CHECK(batch->images.shape() == Shape{2, height, width, channels});
  CHECK(batch->images.tag() == Tag::input);
  CHECK(batch->indices == std::vector<std::int64_t>{7, 3});
  CHECK(batch->images.data<double>()[1] == (Marked::byte(7, 1) / 255.0 - 0.2) / 1.0);
  batch = batcher.next();
  REQUIRE(batch);
  CHECK(batch->indices == std::vector<std::int64_t>{3});
  CHECK(batcher.next() == nullptr);
  CHECK(batcher.next() == nullptr);
}

TEST_CASE("a mean image is subtracted pixel by pixel") {
  const Marked source(1);
  BatcherOptions options = all_of(1, 1);
  options.normalization.mean_image = Tensor({height, width, channels}, Dtype::f32, Tag::input);
  auto mean = options.normalization.mean_image.span<float>();
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = static_cast<float>(i) / 128;
  const Kept batch = drain(source, options, 1).at(0);
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double byte = Marked::byte(0, static_cast<std::int64_t>(i));
    const double expected = (byte / 255 - mean[i]) / plain().stddev[i % 3];
    CHECK(batch.images[i] == Approx(expected).margin(1e-6));
  }
}

TEST_CASE("an epoch's order is a permutation of its own") {
  std::vector<std::int64_t> some(1000);
  std::iota(some.begin(), some.end(), 5000);
  const auto a = epoch_order(some, 1, 0);
  CHECK(a == epoch_order(some, 1, 0));
  CHECK(a != epoch_order(some, 1, 1));
  CHECK(a != epoch_order(some, 2, 0));
  CHECK(a != some);
  auto sorted = a;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == some);
  // Where a sample lands is uniform: over many epochs each of 4 places is about equally frequent.
  std::map<std::int64_t, int> first;
  for (std::int64_t epoch = 0; epoch < 4000; ++epoch)
    ++first[epoch_order({0, 1, 2, 3}, 9, epoch)[0]];
  for (std::int64_t i = 0; i < 4; ++i) CHECK(std::abs(first[i] - 1000) < 120);
}

TEST_CASE("any batch of any epoch can be made again") {
  const Marked source(23);
  BatcherOptions options = all_of(23, 4);
  options.shuffle = true;
  options.augment = {2, true};
  options.seed = 11;
  options.epochs = 3;
  const auto whole = drain(source, options, 100);
  REQUIRE(whole.size() == 18);
  CHECK(whole == drain(source, options, 100));
  CHECK(whole[0].images != whole[6].images);
  for (std::size_t from = 0; from < whole.size(); ++from) {
    BatcherOptions resumed = options;
    resumed.first_epoch = static_cast<std::int64_t>(from) / 6;
    resumed.first_batch = static_cast<std::int64_t>(from) % 6;
    resumed.ahead = 1 + static_cast<int>(from) % 4;
    resumed.epochs = 3 - resumed.first_epoch;
    const auto rest = drain(source, resumed, 100);
    REQUIRE(rest.size() == whole.size() - from);
    CHECK(std::equal(rest.begin(), rest.end(), whole.begin() + static_cast<std::ptrdiff_t>(from)));
  }
  BatcherOptions after = options;  // the position after an epoch's last batch
  after.first_batch = 6;
  after.epochs = -1;
  CHECK(drain(source, after, 1).at(0) == whole[6]);
}

TEST_CASE("augmentation shifts and mirrors as drawn, and pads with zeros after normalisation") {
  const Marked source(40);
  BatcherOptions options = all_of(40, 40);
  options.augment = {3, true};
  options.seed = 4;
  options.first_epoch = 2;
  const Kept batch = drain(source, options, 1).at(0);
  const Normalization n = plain();
  std::set<std::pair<int, int>> shifts;
  int flips = 0;
  for (std::int64_t i = 0; i < 40; ++i) {
    // Written down once more, from the description: dy, dx, flip from one generator.
    Rng rng(4, RngPurpose::augment, 2, static_cast<std::uint64_t>(i));
    const int dy = static_cast<int>(rng.below(7)) - 3, dx = static_cast<int>(rng.below(7)) - 3;
    const bool flip = rng.coin();
    shifts.insert({dy, dx});
    flips += flip;
    bool same = true;
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const std::int64_t from_y = y + dy, from_x = (flip ? width - 1 - x : x) + dx;
        const bool inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
        for (std::int64_t c = 0; c < channels; ++c) {
          const auto at = static_cast<std::size_t>(((i * height + y) * width + x) * channels + c);
          const auto k = static_cast<std::size_t>(c);
          const double byte = Marked::byte(i, (from_y * width + from_x) * channels + c);
          const double expected = inside ? (byte / 255 - n.mean[k]) / n.stddev[k] : 0.0;
          same = same && batch.images[at] == static_cast<float>(expected);
        }
      }
    }
    CAPTURE(i, dy, dx, flip);
    CHECK(same);
  }
  CHECK(shifts.size() > 20);
  CHECK(flips > 8);
  CHECK(flips < 32);
}

TEST_CASE("the reading thread takes no signals") {
  const Marked source(4);
  drain(source, all_of(4, 4), 1);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGALRM}) {
    CHECK(sigismember(&source.mask, signal) == 1);
  }
  sigset_t here;
  pthread_sigmask(SIG_SETMASK, nullptr, &here);
  CHECK(sigismember(&here, SIGTERM) == 0);
}

TEST_CASE("an error while reading is rethrown, after the batches before it") {
  Marked source(12);
  source.broken = 9;
  Batcher batcher(source, all_of(12, 4));
  REQUIRE(batcher.next());
  REQUIRE(batcher.next());
  CHECK(error_of(ErrorKind::input, [&] { batcher.next(); }) == "sample is broken");
  CHECK(error_of(ErrorKind::input, [&] { batcher.next(); }) == "sample is broken");
}

TEST_CASE("batchers end at once, whatever they were doing") {
  const Marked source(1000);
  for (int taken = 0; taken < 4; ++taken) {
    Batcher batcher(source, all_of(1000, 2));
    for (int i = 0; i < taken; ++i) REQUIRE(batcher.next());
  }
  Batcher none(source, all_of(0, 4));
  CHECK(none.batches_per_epoch() == 0);
  CHECK(none.next() == nullptr);
}

TEST_CASE("batches are made in memory that is used again") {
  const Marked source(50);
  BatcherOptions options = all_of(50, 8);  // with a smaller last batch
  options.shuffle = true;
  options.augment = {1, true};
  Batcher batcher(source, options);
  for (int i = 0; i < 10; ++i) REQUIRE(batcher.next());
  const auto before = Ledger::global().allocations();
  const auto live = Ledger::global().live(Tag::input);
  std::set<const void*> memory;
  for (int i = 0; i < 100; ++i) memory.insert(batcher.next()->images.raw());
  CHECK(Ledger::global().allocations() == before);
  CHECK(Ledger::global().live(Tag::input) == live);
  CHECK(memory.size() <= static_cast<std::size_t>(options.ahead) + 2);
}

TEST_CASE("options that make no sense are refused") {
  const Marked source(4);
  const auto refused = [&](auto&& change) {
    BatcherOptions options = all_of(4, 2);
    change(options);
    error_of(ErrorKind::shape, [&] { Batcher(source, options); });
  };
  refused([](BatcherOptions& o) { o.batch = 0; });
  refused([](BatcherOptions& o) { o.ahead = 0; });
  refused([](BatcherOptions& o) { o.indices.push_back(4); });
  refused([](BatcherOptions& o) { o.indices.push_back(-1); });
  refused([](BatcherOptions& o) { o.augment.pad = -1; });
  refused([](BatcherOptions& o) { o.augment.pad = 6; });
  refused([](BatcherOptions& o) { o.normalization.mean.pop_back(); });
  refused([](BatcherOptions& o) { o.dtype = Dtype::i32; });
  refused([](BatcherOptions& o) {
    o.normalization.mean_image = Tensor::zeros({1, 1, 3}, Dtype::f32, Tag::input);
  });
}
