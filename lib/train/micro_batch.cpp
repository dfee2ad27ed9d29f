#include "train/micro_batch.h"

#include <algorithm>

#include "device/ledger.h"
#include "train/step.h"

namespace rn::train {
namespace {

std::string mib(double bytes) { return fmt::format("{:.0f} MiB", bytes / (1 << 20) + 0.5); }

// Bytes of all tensors at the worst moment of a step of so many images, less what was live before.
double step_bytes(models::Network& network, Optimizer& optimizer, const MemoryMode& memory,
                  std::int64_t images) {
  Ledger& ledger = Ledger::global();
  const auto before = static_cast<double>(ledger.live_total());
  ledger.reset_peaks();
  const models::NetworkSpec& spec = network.spec();
  data::Batch batch;
  batch.images =
      Tensor::zeros({images, spec.height, spec.width, spec.channels}, network.dtype(), Tag::input);
  batch.labels = Tensor::zeros({images}, Dtype::i32, Tag::input);
  Stepper(network, optimizer, {}, memory).run(batch, 0);
  return static_cast<double>(ledger.peak_total()) - before;
}

}  // namespace

std::int64_t fitting_micro_batch(const Session& session) {
  const TrainOptions& o = session.options;
  const models::NetworkSpec& spec = session.file.spec;
  // Batches that are read ahead: data::BatcherOptions::ahead, one in use, one being filled.
  const double ahead = 5.0 * static_cast<double>(size_of(o.dtype)) *
                       static_cast<double>(o.batch * spec.height * spec.width * spec.channels);
  const auto live = static_cast<double>(Ledger::global().live_total()) + ahead;
  double fixed = 0, image = 0;
  {
    models::Network probe(spec, o.dtype, o.device);
    probe.initialize(o.seed);
    probe.store().require_gradients();
    Optimizer optimizer(o.optimizer, probe.store());
    const std::int64_t few = 2, more = 6;
    const double a = step_bytes(probe, optimizer, o.memory, few),
                 b = step_bytes(probe, optimizer, o.memory, more);
    image = std::max(1.0, (b - a) / static_cast<double>(more - few));
    fixed = live + std::max(0.0, a - image * static_cast<double>(few));
  }
  const auto most =
      static_cast<std::int64_t>((static_cast<double>(o.memory_limit) - fixed) / image);
  if (most < 1) {
    fail(ErrorKind::usage, "--memory-limit: {} are not enough for one image; it takes {}",
         mib(static_cast<double>(o.memory_limit)), mib(fixed + image));
  }
  if (most >= o.batch) return o.batch;
  const std::int64_t parts = (o.batch + most - 1) / most;
  return (o.batch + parts - 1) / parts;
}

}  // namespace rn::train
