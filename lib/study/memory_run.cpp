#include "study/memory_run.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/process_memory.h"
#include "data/batcher.h"
#include "data/source.h"
#include "models/catalog.h"
#include "models/revnet.h"
#include "train/model_file.h"
#include "train/step.h"

namespace rn::study {
namespace {

using train::Activations;
using train::MemoryMode;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

MemoryMode with(MemoryMode mode, Activations activations) {
  mode.activations = activations;
  return mode;
}

// The modes of the run; where it has them all, without those that the network cannot be kept in.
std::vector<MemoryMode> modes_of(const MemoryRun& run, const models::NetworkSpec& spec) {
  std::vector<MemoryMode> modes;
  for (const MemoryMode& mode : run.modes) {
    try {
      check(mode, spec);
    } catch (const Error&) {
      if (!run.every_mode) throw;
      continue;
    }
    modes.push_back(mode);
  }
  return modes;
}

MemoryResult::Case case_of(const MemoryRun& run, const std::string& arch, std::int64_t units,
                           const models::NetworkSpec& spec, Dtype dtype, const MemoryMode& mode) {
  MemoryResult::Case found;
  found.arch = arch;
  found.units = units;
  const models::Network network(spec, Dtype::f32);
  found.depth = depth_of(network);
  found.account.parameters = network.store().parameter_count();
  found.account.blocks = network.block_count();
  found.activations = activations_name(mode);
  found.stream = stream_name(mode);
  found.precision = train::precision_name(dtype);
  found.batch = run.batch;
  found.macs = count_macs(network, mode);
  return found;
}

std::vector<std::int64_t> units_of(const MemoryRun& run) {
  return run.units.empty() ? std::vector<std::int64_t>{0} : run.units;
}

class Runner {
 public:
  Runner(const MemoryRun& run, MemoryResult& result, std::int64_t total)
      : run_(run), result_(result), total_(total) {}

  void all() {
    if (run_.progress) {
      run_.progress->begin({.what = "measuring", .total = total_, .item = "networks"});
    }
    for (const std::string& arch : run_.archs) {
      for (const Dtype dtype : run_.precisions) {
        for (const std::int64_t units : units_of(run_)) {
          group(arch, units, dtype);
        }
        if (run_.fit > 0) fit(arch, dtype);
      }
    }
    if (run_.progress) run_.progress->end();
  }

 private:
  void say(const std::string& what) {
    if (run_.progress) run_.progress->advance(done_++, what);
  }

  // One network in all its modes: each accounted for by itself, then timed in turn.
  void group(const std::string& arch, std::int64_t units, Dtype dtype) {
    const models::NetworkSpec spec = spec_of(run_, arch, units);
    const std::vector<MemoryMode> modes = modes_of(run_, spec);
    const std::size_t first = result_.cases.size();
    for (const MemoryMode& mode : modes) {
      say(fmt::format("{} {}", arch, activations_name(mode)));
      MemoryResult::Case found = case_of(run_, arch, units, spec, dtype, mode);
      on_fresh_threads([&] {
        reset_peak_resident();
        const std::int64_t before = resident_bytes();
        MemoryStep step(spec, dtype, mode, run_.batch, run_.seed, run_.device);
        found.account = step.account();
        found.account.resident_growth = std::max<std::int64_t>(peak_resident_bytes() - before, 0);
      });
      result_.cases.push_back(std::move(found));
    }
    if (run_.steps > 0) time(spec, dtype, modes, first);
    for (const MemoryMode& mode : modes) {
      if (run_.exactness && mode.activations == Activations::reversible) {
        exactness(arch, units, spec, dtype, mode);
      }
    }
  }

  void time(const models::NetworkSpec& spec, Dtype dtype, const std::vector<MemoryMode>& modes,
            std::size_t first) {
    std::vector<std::unique_ptr<MemoryStep>> steps;
    for (const MemoryMode& mode : modes) {
      steps.push_back(
          std::make_unique<MemoryStep>(spec, dtype, mode, run_.batch, run_.seed, run_.device));
      steps.back()->run();  // takes memory, makes primitives
    }
    std::vector<std::array<std::vector<double>, phase_count + 1>> seconds(modes.size());
    for (std::int64_t k = 0; k < run_.steps; ++k) {
      for (std::size_t m = 0; m < modes.size(); ++m) {
        const auto taken = steps[m]->run();
        double sum = 0;
        for (std::size_t p = 0; p < taken.size(); ++p) {
          seconds[m][p].push_back(taken[p]);
          sum += taken[p];
        }
        seconds[m][phase_count].push_back(sum);
      }
    }
    for (std::size_t m = 0; m < modes.size(); ++m) {
      MemoryResult::Case& found = result_.cases[first + m];
      for (std::size_t p = 0; p < phase_count; ++p) found.seconds[p] = median(seconds[m][p]);
      found.step_seconds = median(seconds[m][phase_count]);
    }
  }

  void exactness(const std::string& arch, std::int64_t units, const models::NetworkSpec& spec,
                 Dtype dtype, const MemoryMode& mode) {
    const std::string stream = stream_name(mode), precision = train::precision_name(dtype);
    MemoryStep step(spec, dtype, mode, run_.batch, run_.seed, run_.device);
    for (const auto& block : step.reconstruct()) {
      result_.reconstructed.push_back(
          {arch, stream, precision, units, block.block, block.relative, block.largest});
    }
    const auto measure = [&](std::int64_t at, const Tensor& images, const Tensor& labels) {
      const auto stored = step.gradient(with(mode, Activations::stored), images, labels);
      const auto again = step.gradient(mode, images, labels);
      result_.angles.push_back(
          {arch, stream, precision, units, at, angle_between(stored, again), step.loss()});
    };
    if (run_.train_steps == 0) {
      measure(0, {}, {});
    } else {
      train(step, mode, spec, dtype, measure);
    }
  }

  // Training in the mode itself, on real batches; the angle at about twenty places of it.
  template <class Measure>
  void train(MemoryStep& step, const MemoryMode& mode, const models::NetworkSpec& spec, Dtype dtype,
             const Measure& measure) {
    const auto source = data::open_source(run_.data, data::Split::train, -1);
    const data::Info& info = source->info();
    if (info.height != spec.height || info.width != spec.width || info.channels != spec.channels ||
        info.classes() > spec.classes) {
      fail(ErrorKind::input, "{} has {} classes of {}x{}x{}, the network {} takes {} of {}x{}x{}",
           run_.data, info.classes(), info.height, info.width, info.channels, spec.arch,
           spec.classes, spec.height, spec.width, spec.channels);
    }
    std::vector<std::int64_t> indices(static_cast<std::size_t>(info.count));
    for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int64_t>(i);
    data::Batcher batcher(*source, {.indices = indices,
                                    .batch = std::min(run_.batch, info.count),
                                    .shuffle = true,
                                    .augment = {.pad = 2, .flip = true},
                                    .normalization = data::measure_normalization(
                                        *source, indices, data::NormalizationKind::channel),
                                    .dtype = dtype,
                                    .seed = run_.seed});
    models::Network& network = step.network();
    train::Optimizer sgd({.weight_decay = 2e-4, .decay = train::Decay::weights}, network.store());
    train::Stepper stepper(network, sgd, {}, mode);
    const std::int64_t every = std::max<std::int64_t>(1, run_.train_steps / 20);
    for (std::int64_t k = 0; k <= run_.train_steps; ++k) {
      const data::Batch* batch = batcher.next();
      if (k % every == 0 || k == run_.train_steps) measure(k, batch->images, batch->labels);
      if (k == run_.train_steps) break;
      const train::StepResult result = stepper.run(*batch, run_.lr, {.step = k, .update = k + 1});
      if (!result.diverged.empty()) {
        fail(ErrorKind::numeric,
             "diverged in step {} at lr {:.4g}: {} is not finite; try a lower "
             "--lr",
             k + 1, run_.lr, result.diverged);
      }
    }
  }

  void fit(const std::string& arch, Dtype dtype) {
    for (const MemoryMode& mode : modes_of(run_, spec_of(run_, arch, 0))) {
      for (auto& limit : fit_memory(run_, arch, mode, dtype)) {
        result_.limits.push_back(std::move(limit));
      }
    }
  }

  const MemoryRun& run_;
  MemoryResult& result_;
  std::int64_t total_ = 0, done_ = 0;
};

}  // namespace

models::NetworkSpec spec_of(const MemoryRun& run, const std::string& arch, std::int64_t units) {
  models::ArchOptions options;
  options.classes = run.classes;
  options.height = options.width = run.size;
  options.widths = run.widths;
  if (units > 0) {
    const models::Revnet* net = models::find_revnet(arch);
    if (!net) {
      fail(ErrorKind::usage,
           "architecture '{}' has the depth of its name; --depths is for the revnets and "
           "gomez-resnets",
           arch);
    }
    options.units.assign(net->units.size(), units);
  }
  return models::make_arch(arch, options);
}

MemoryResult plan_memory(const MemoryRun& run) {
  if (run.archs.empty() || run.modes.empty()) fail(ErrorKind::usage, "there is nothing to run");
  MemoryResult plan;
  plan.batch = run.batch;
  plan.seed = run.seed;
  for (const std::string& arch : run.archs) {
    for (const Dtype dtype : run.precisions) {
      for (const std::int64_t units : units_of(run)) {
        const models::NetworkSpec spec = spec_of(run, arch, units);
        for (const MemoryMode& mode : modes_of(run, spec)) {
          plan.cases.push_back(case_of(run, arch, units, spec, dtype, mode));
        }
      }
    }
  }
  return plan;
}

std::string plan_text(const MemoryResult& plan) {
  std::string text;
  for (const auto& c : plan.cases) {
    text += fmt::format(
        "{} of {} layers, {} parameters, {} {} {}: {:.1f} million multiply-adds an "
        "image forward, {:.1f} backward, {:.1f} of it again; batches of {}\n",
        c.arch, c.depth, c.account.parameters, c.precision, c.activations, c.stream,
        c.macs.forward / 1e6, (c.macs.backward + c.macs.recomputed) / 1e6, c.macs.recomputed / 1e6,
        c.batch);
  }
  return text;
}

MemoryResult run_memory(const MemoryRun& run) {
  const MemoryResult plan = plan_memory(run);  // what cannot be is told before anything runs
  MemoryResult result;
  result.batch = run.batch;
  result.steps = run.steps;
  result.train_steps = run.train_steps;
  result.seed = run.seed;
  if (run.train_steps > 0) result.data = run.data;
  Runner(run, result, static_cast<std::int64_t>(plan.cases.size())).all();
  return result;
}

}  // namespace rn::study
