#include "data/batcher.h"

#include <algorithm>

#include "base/parallel.h"
#include "base/rng.h"
#include "data/ahead.h"
#include "data/augment.h"
#include "data/workers.h"

namespace rn::data {

namespace {

void shuffle(std::vector<std::int64_t>& indices, std::uint64_t seed, std::int64_t epoch) {
  Rng rng(seed, RngPurpose::order, static_cast<std::uint64_t>(epoch));
  for (std::size_t i = indices.size(); i > 1; --i) {
    std::swap(indices[i - 1], indices[rng.below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace

std::vector<std::int64_t> epoch_order(std::vector<std::int64_t> indices, std::uint64_t seed,
                                      std::int64_t epoch) {
  shuffle(indices, seed, epoch);
  return indices;
}

namespace {

int loaders_of(const Source& source, const BatcherOptions& options) {
  if (options.loaders > 0) return options.loaders;
  return source.costly() ? threads() : 1;
}

}  // namespace

struct Batcher::Impl {
  const Source& source;
  const BatcherOptions options;
  std::vector<Transform> transforms;  // one a loader
  const std::int64_t count, per_epoch;

  Workers workers;                // used by the thread that fills only
  std::int64_t announced_to = 0;  // batches of the epoch; likewise
  Ahead<Batch> ahead;

  Impl(const Source& s, BatcherOptions o)
      : source(s),
        options(std::move(o)),
        count(static_cast<std::int64_t>(options.indices.size())),
        per_epoch(options.batch > 0 ? (count + options.batch - 1) / options.batch : 0),
        workers(loaders_of(s, options)),
        ahead(options.ahead) {
    const Transform transform(source.info(), options.normalization, options.augment, options.dtype);
    transforms.assign(static_cast<std::size_t>(workers.count()), transform);
    require(options.batch > 0 && options.ahead > 0 && options.first_epoch >= 0 &&
                options.first_batch >= 0,
            "Batcher: batch {}, ahead {}, from epoch {} batch {}", options.batch, options.ahead,
            options.first_epoch, options.first_batch);
    require(count <= (std::int64_t{1} << 32) - 1, "Batcher: {} samples", count);
    for (const std::int64_t index : options.indices) {
      require(index >= 0 && index < source.info().count, "Batcher: sample {} of {}", index,
              source.info().count);
    }
    for (Batch& slot : ahead.slots()) shape_slot(slot, std::min(options.batch, count));
    ahead.start([this] { produce(); });
  }

  void shape_slot(Batch& slot, std::int64_t n) const {
    const Info& info = source.info();
    slot.images.ensure({n, info.height, info.width, info.channels}, options.dtype, Tag::input);
    slot.labels.ensure({n}, Dtype::i32, Tag::input);
    slot.indices.resize(static_cast<std::size_t>(n));
    if (!options.augment.mixes()) return;
    slot.others.ensure({n}, Dtype::i32, Tag::input);
    slot.shares.ensure({n}, Dtype::f64, Tag::input);
  }

  void produce() {
    if (per_epoch == 0) return;
    std::vector<std::int64_t> order;
    // A position after the last batch is the start of the next epoch.
    std::int64_t epoch = options.first_epoch + options.first_batch / per_epoch;
    std::int64_t number = options.first_batch % per_epoch;
    std::int64_t ordered = -1;
    for (;;) {
      if (options.epochs >= 0 && epoch >= options.first_epoch + options.epochs) return;
      if (ordered != epoch) {
        order = options.indices;
        if (options.shuffle) shuffle(order, options.seed, epoch);
        ordered = epoch;
      }
      Batch* slot = ahead.take();
      if (!slot) return;
      announce(order, number);
      fill(*slot, order, epoch, number);
      ahead.give(slot);
      if (++number == per_epoch) {
        number = 0;
        ++epoch;
      }
    }
  }

  // What comes some batches later; at the start of an epoch also what comes until then.
  void announce(const std::vector<std::int64_t>& order, std::int64_t number) {
    if (!source.costly()) return;
    const bool fresh = number == 0 || announced_to < number;
    const std::int64_t from = fresh ? number : announced_to;
    announced_to = std::min(number + options.ahead + 1, per_epoch);
    const std::int64_t end = std::min(announced_to * options.batch, count);
    for (std::int64_t i = from * options.batch; i < end; ++i) {
      source.announce(order[static_cast<std::size_t>(i)]);
    }
  }

  void fill(Batch& slot, const std::vector<std::int64_t>& order, std::int64_t epoch,
            std::int64_t number) {
    const std::int64_t begin = number * options.batch;
    const std::int64_t n = std::min(options.batch, count - begin);
    shape_slot(slot, n);
    slot.epoch = epoch;
    slot.number = number;
    auto* labels = slot.labels.data<std::int32_t>();
    const Info& info = source.info();
    workers.run(n, [&](int worker, std::int64_t i) {
      const std::int64_t index = order[static_cast<std::size_t>(begin + i)];
      slot.indices[static_cast<std::size_t>(i)] = index;
      const Draw draw =
          draw_all(options.augment, options.seed, epoch, index, info.height, info.width);
      labels[i] =
          transforms[static_cast<std::size_t>(worker)].read(source, index, draw, slot.images, i);
    });
    if (!options.augment.mixes()) return;
    const Mix mix =
        n > 1 ? draw_mix(options.augment, options.seed, epoch, number, info.height, info.width)
              : Mix();
    apply_mix(mix, slot.images, slot.labels, slot.others, slot.shares);
  }
};

Batcher::Batcher(const Source& source, BatcherOptions options)
    : impl_(std::make_unique<Impl>(source, std::move(options))) {}

Batcher::~Batcher() = default;

std::int64_t Batcher::batches_per_epoch() const { return impl_->per_epoch; }

const Batch* Batcher::next() { return impl_->ahead.next(); }

}  // namespace rn::data
