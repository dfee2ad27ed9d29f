// Which options of resnet-train do something only beside others.
#pragma once

#include "cli/run_tool.h"
#include "train/options.h"

namespace rn::tools {

// Errors (usage): an option on the command line that would do nothing.
inline void check_belonging(const train::TrainOptions& t, const cli::Invocation& call) {
  using cli::goes_with;
  const bool adam = t.optimizer.kind != train::OptimizerKind::sgd;
  goes_with(call, {"momentum", "nesterov"}, !adam, "--optimizer sgd");
  goes_with(call, {"beta1", "beta2", "adam-eps"}, adam, "--optimizer adam");
  goes_with(call, {"milestones", "gamma"}, t.schedule.kind == train::ScheduleKind::steps,
            "--schedule steps");
  goes_with(call, {"warmup-from", "warmup-shape"}, t.schedule.warmup.value > 0, "--warmup");
  goes_with(call, {"ema-every", "ema-start"}, t.average.decay > 0, "--ema");
  goes_with(call, {"crop-ratio"}, t.augment.area_low > 0, "--random-crop");
  goes_with(call, {"depth-decay"}, t.stochastic_depth.has_value(), "--stochastic-depth");
  // A model may have its own.
  goes_with(call, {"depth-mode"}, t.stochastic_depth || !t.init.empty(), "--stochastic-depth");
  goes_with(call, {"rescale-blocks"}, t.keep_blocks > 0, "--keep-blocks");
}

}  // namespace rn::tools
