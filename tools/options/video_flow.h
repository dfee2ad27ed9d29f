// The options of video-flow, and what they mean to the library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/run_tool.h"
#include "study/lesion_run.h"
#include "video/flow_run.h"

namespace rn::tools {

using cli::Common;

struct FlowTool {
  cli::CommonOptions common;
  video::FlowRun run;
  std::string shard;
  std::optional<std::int64_t> field;
};

inline void bind_method(CLI::App& app, video::FlowOptions& o) {
  const auto real = [&](const char* name, double& value, double most, const char* help) {
    app.add_option(name, value, help)->type_name("X")->check(cli::real(0, most));
  };
  const auto count = [&](const char* name, int& value, const char* help) {
    app.add_option(name, value, help)->type_name("INT")->check(cli::whole(1, 10000));
  };
  real("--tau", o.method.tau, 1, "TV-L1: step of the dual variables");
  real("--lambda", o.method.lambda, 1000, "TV-L1: weight of the images against smoothness");
  real("--theta", o.method.theta, 1000,
       "TV-L1: how far the two halves of the problem may be apart");
  real("--epsilon", o.method.epsilon, 1000, "TV-L1: iterations end at changes of so many pixels");
  app.add_option("--scale-step", o.method.scale_step,
                 "TV-L1: from one scale of the pyramid to the next")
      ->type_name("X")
      ->check(cli::real(0.01, 0.99));
  count("--scales", o.method.scales, "TV-L1: scales of the pyramid, at most");
  count("--warps", o.method.warps, "TV-L1: warps at each scale");
  count("--outer", o.method.outer, "TV-L1: rounds of a warp, each begins with the median filter");
  count("--inner", o.method.inner, "TV-L1: iterations of a round, at most");
  app.add_option("--median", o.method.median, "TV-L1: side of the median filter: 1 (none), 3, 5")
      ->type_name("INT")
      ->check(cli::whole(1, 5));
}

inline void bind(CLI::App& app, FlowTool& o) {
  app.add_option("INPUT", o.run.inputs,
                 "Clips, folders of clips, lists (.txt); or two pictures; or one flow file")
      ->type_name("FILE")
      ->required();
  app.add_option("--short-side", o.run.options.short_side,
                 "Resize so that the shorter side has so many pixels; 256 in the paper")
      ->type_name("PX")
      ->check(cli::whole(0, 8192));
  app.add_option("--stride", o.run.options.stride, "From every INTth picture to the next of these")
      ->type_name("INT")
      ->check(cli::whole(1, 100000));
  app.add_option("--bound", o.run.options.bound, "Pixels that the largest byte stands for")
      ->type_name("PX")
      ->check(cli::real(0.01, 10000));
  app.add_flag("--float", o.run.options.floats, "Keep floats instead of bytes");
  bind_method(app, o.run.options);
  cli::not_recipe(app.add_option("--render", o.run.render,
                                 "Draw the flow in colours: .png one field, .mp4 a film"))
      ->type_name("FILE");
  cli::not_recipe(app.add_option("--longest", o.run.longest,
                                 "--render: pixels of the full colours; by default the longest")
                      ->type_name("PX")
                      ->check(cli::real(0.001)));
  cli::not_recipe(app.add_option("--compare", o.run.truth,
                                 "Print the end-point and angular error against this .flo file"))
      ->type_name("FILE");
  cli::not_recipe(
      app.add_option("--field", o.field, "Which field .flo, .png and --compare mean, from 0")
          ->type_name("INT")
          ->check(cli::whole(0)));
  cli::not_recipe(app.add_flag("--strict", o.run.strict, "Stop at the first clip that is bad"));
  cli::not_recipe(app.add_option("--shard", o.shard,
                                 "Do part K of N of the clips, K/N; auto: as the Slurm job array"))
      ->type_name("K/N");
  cli::add_common(app, o.common,
                  {Common::device, Common::threads, Common::output, Common::json, Common::dry_run,
                   Common::no_provenance, Common::progress});
}

inline video::FlowRun effective(const FlowTool& o, const cli::Invocation& call) {
  video::FlowRun run = o.run;
  run.output = o.common.output;
  run.force = o.common.force;
  run.dry_run = o.common.dry_run;
  run.volatile_provenance = !o.common.no_provenance;
  run.field = o.field.value_or(-1);
  if (!o.shard.empty()) {
    const Shard shard = parse_shard(o.shard);
    run.shard = shard.index;
    run.shards = shard.count;
  }
  if (run.output == "-" && (o.common.json || !run.truth.empty())) {
    fail(ErrorKind::usage, "-o - and {} both want stdout", o.common.json ? "--json" : "--compare");
  }
  run.provenance = io::start_provenance(call.tool, call.command_line);
  run.provenance.config = call.recipe;
  return run;
}

}  // namespace rn::tools
