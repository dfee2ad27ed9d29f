#include "train/plan.h"

#include <algorithm>
#include <chrono>

#include "io/json.h"
#include "io/table.h"
#include "train/evaluate.h"
#include "train/session.h"
#include "train/step.h"
#include "train/table.h"

namespace rn::train {
namespace {

constexpr std::int64_t sample = 32;  // images of the step that is measured

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// One step and one evaluation of a few images, on the network that prepare() made and that nobody
// keeps; what a batch needs is taken to grow with its images.
void measure(Session& s, Plan& plan) {
  const TrainOptions& o = s.options;
  std::vector<std::int64_t> few = s.subsets.train;
  few.resize(std::min(few.size(), static_cast<std::size_t>(std::min(o.batch, sample))));
  const auto images = static_cast<double>(few.size());
  const double scale = static_cast<double>(std::min(o.batch, plan.train_images)) / images;

  const data::BatcherOptions batches{.indices = few,
                                     .batch = static_cast<std::int64_t>(few.size()),
                                     .augment = o.augment,
                                     .normalization = s.file.normalization,
                                     .dtype = o.dtype,
                                     .ahead = 1};
  data::Batcher batcher(*s.train, batches);
  Stepper stepper(*s.network, *s.optimizer, o.step);
  const data::Batch* batch = batcher.next();
  stepper.run(*batch, 0);  // the first one makes primitives and memory,
  if (!s.network->store().device().is_cpu()) stepper.run(*batch, 0);  // the second is recorded
  plan.step_seconds = scale * seconds_of([&] { stepper.run(*batch, 0); });
  plan.memory = scaled_peak(scale);
  // Forward alone is a third of a step's work, or a little more.
  set_seconds(plan, s, plan.step_seconds / (scale * images) * 0.4);
}

std::string bytes_text(std::int64_t bytes) {
  return bytes < (std::int64_t{1} << 30) ? fmt::format("{} MiB", (bytes >> 20) + 1)
                                         : fmt::format("{:.1f} GiB", bytes / 1073741824.0);
}

}  // namespace

Plan plan_of(const Session& s) {
  const TrainOptions& o = s.options;
  Plan plan;
  plan.arch = s.file.spec.arch;
  plan.data = o.data;
  plan.output = o.output;
  plan.checkpoint = s.checkpoint;
  plan.log = o.log;
  plan.train_images = static_cast<std::int64_t>(s.subsets.train.size());
  plan.val_images = static_cast<std::int64_t>(s.subsets.val.size());
  plan.test_images = s.test_count;
  plan.batch = o.batch;
  plan.steps_per_epoch = s.per_epoch;
  plan.steps = s.total;
  plan.from_step = s.resumed ? s.state().step : 0;
  plan.epochs = static_cast<double>(s.total) / static_cast<double>(s.per_epoch);
  plan.lr_first = s.schedule->lr(0);
  plan.lr_last = s.schedule->lr(s.total - 1);
  for (std::int64_t i = 0; i <= 1000; ++i) {
    plan.lr_highest = std::max(plan.lr_highest, s.schedule->lr((s.total - 1) * i / 1000));
  }
  plan.complete_already = s.complete_already;
  return plan;
}

std::int64_t scaled_peak(double scale) {
  const Ledger& ledger = Ledger::global();
  std::int64_t all = 0;
  for (int tag = 0; tag < tag_count; ++tag) {
    const bool grows = static_cast<Tag>(tag) == Tag::activation;
    const auto bytes = static_cast<double>(ledger.peak(static_cast<Tag>(tag)));
    all += static_cast<std::int64_t>(grows ? bytes * scale : bytes);
  }
  return all;
}

void set_seconds(Plan& plan, const Session& s, double image_seconds) {
  const double left = static_cast<double>(plan.steps - plan.from_step);
  plan.seconds = plan.step_seconds * left;
  if (s.eval_on == EvalOn::none) return;
  const double every =
      static_cast<double>(std::max(s.options.eval_every.steps(s.per_epoch), s.per_epoch));
  const bool test_often = s.eval_on == EvalOn::test;
  plan.seconds += image_seconds * left / every *
                      static_cast<double>(plan.val_images + (test_often ? plan.test_images : 0)) +
                  (test_often ? 0 : image_seconds * static_cast<double>(plan.test_images));
}

Plan make_plan(TrainOptions options) {
  const bool nowhere = options.output.empty();
  if (nowhere) options.output = "/dev/null";
  Session s = prepare(std::move(options));
  Plan plan = plan_of(s);
  if (nowhere) plan.output.clear();
  plan.blocks = static_cast<std::int64_t>(s.file.spec.blocks.size());
  if (s.complete_already) return plan;
  plan.parameters = s.network->store().parameter_count();
  measure(s, plan);
  return plan;
}

std::string Plan::text() const {
  std::string out;
  const auto line = [&](const char* what, const std::string& value) {
    if (!value.empty()) out += fmt::format("{:<12}{}\n", what, value);
  };
  line("network", fmt::format("{}, {} parameters, {} blocks", arch, parameters, blocks));
  line("data", fmt::format("{}: {} {} to train, {} to validate, {} to test", data, train_images,
                           item, val_images, test_images));
  line("training", fmt::format("{:.4g} epochs of {} steps of {} {}: {} steps", epochs,
                               steps_per_epoch, batch, item, steps));
  if (from_step > 0) line("resuming", fmt::format("from step {}", from_step));
  line("rate", fmt::format("{:.4g} at first, {:.4g} at most, {:.4g} at last", lr_first, lr_highest,
                           lr_last));
  if (complete_already) {
    line("output", output + ": complete already, nothing to do");
  } else {
    line("memory", "about " + bytes_text(memory) + " of tensors");
    line("time", fmt::format("about {} ({:.3g} s a step, measured on a few {})",
                             format_seconds(seconds), step_seconds, item));
    line("output", output);
    line("checkpoint", checkpoint);
    line("log", log);
  }
  if (!out.empty()) out.pop_back();
  return out;
}

std::string Plan::json() const {
  return io::Json()
      .add("arch", arch)
      .add("parameters", parameters)
      .add("blocks", blocks)
      .add("data", data)
      .add("train_" + item, train_images)
      .add("val_" + item, val_images)
      .add("test_" + item, test_images)
      .add("batch", batch)
      .add("steps_per_epoch", steps_per_epoch)
      .add("steps", steps)
      .add("from_step", from_step)
      .add("epochs", epochs)
      .add("memory", memory)
      .add("step_seconds", step_seconds)
      .add("seconds", seconds)
      .add("complete", complete_already)
      .add("output", output)
      .str();
}

std::string arch_table() {
  io::Table table("name", "parameters", "blocks", "what");
  for (const models::ArchEntry& entry : models::archs()) {
    const models::Network network(models::make_arch(entry.name), Dtype::f32);
    table.row(entry.name, network.store().parameter_count(), network.block_count(), entry.what);
  }
  return table.str();
}

}  // namespace rn::train
