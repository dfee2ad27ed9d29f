// The options of revnet-memprof, and what they mean to the library.
#pragma once

#include <string>
#include <vector>

#include "cli/run_tool.h"
#include "options/memory_mode.h"
#include "study/memory_run.h"
#include "train/model_file.h"

namespace rn::tools {

using cli::Common;

struct MemprofTool {
  cli::CommonOptions common;
  std::vector<std::string> archs = {"revnet38-cifar", "gomez-resnet32-cifar"};
  std::vector<std::string> modes, streams = {"float"}, precisions = {"fp32"};
  std::vector<std::int64_t> depths, widths;
  std::int64_t batch = 100, steps = 3, train_steps = 0, classes = 0, image_size = 0;
  std::int64_t most_units = 1000, most_batch = 65536;
  double lr = 0.1;
  std::string data = "synth:shapes", fit;
  bool no_exactness = false, table = false;
};

template <class T>
CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<T>& into,
                      const std::string& what) {
  return app.add_option(name, into, what)->delimiter(',')->allow_extra_args(false);
}

inline void bind_networks(CLI::App& app, MemprofTool& o) {
  add_list(app, "--archs", o.archs, "Networks, see resnet-train --list-archs")->type_name("NAME");
  add_list(app, "--depths", o.depths,
           "Units of every stage, one network each, of revnets and gomez-resnets: 3,9,27")
      ->type_name("INT")
      ->check(cli::whole(1, 3000));
  add_list(app, "--widths", o.widths, "Their channels, of the stem and each stage: 32,32,64,112")
      ->type_name("INT")
      ->check(cli::whole(1, 16384));
  app.add_option("--classes", o.classes, "Classes; 0: the network's own")
      ->type_name("INT")
      ->check(cli::whole(0, 1000000));
  app.add_option("--image-size", o.image_size, "Height and width of the images; 0: its own")
      ->type_name("INT")
      ->check(cli::whole(0, 8192));
  add_list(
      app, "--modes", o.modes,
      "How activations are kept: stored, checkpointed[:K], reversible; all that the network can")
      ->type_name("KIND")
      ->check(accepted(train::parse_activations));
  add_list(app, "--stream", o.streams, "Of reversible networks: float, fixed[:Q]")
      ->type_name("KIND")
      ->check(accepted(train::parse_stream));
  add_list(app, "--precision", o.precisions, "Of activations: fp32, bf16, fp64")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"fp32", "bf16", "fp64"}));
  app.add_option("--batch", o.batch, "Images a step")
      ->type_name("INT")
      ->check(cli::whole(1, 65536));
}

inline void bind_measurements(CLI::App& app, MemprofTool& o) {
  app.add_option("--steps", o.steps, "Steps that are timed, of all modes in turn; 0: none")
      ->type_name("INT")
      ->check(cli::whole(0, 100000));
  app.add_flag(
      "--no-exactness", o.no_exactness,
      "Leave out how exact the reverse sweep is: reconstructed inputs, angles of gradients");
  app.add_option("--train-steps", o.train_steps,
                 "Train for so many steps, and follow the angle along the way")
      ->type_name("INT")
      ->check(cli::whole(0, 10000000));
  app.add_option("--lr", o.lr, "--train-steps: the learning rate")
      ->type_name("FLOAT")
      ->check(cli::real(0));
  app.add_option("--data", o.data, "--train-steps: data set, KIND:WHERE")->type_name("URI");
  app.add_option("--fit", o.fit,
                 "Find the deepest network and the largest batch that so many bytes hold: 2G")
      ->type_name("MEMORY");
  app.add_option("--max-units", o.most_units, "--fit: no more units than these")
      ->type_name("INT")
      ->check(cli::whole(1, 3000));
  app.add_option("--max-batch", o.most_batch, "--fit: no more images than these")
      ->type_name("INT")
      ->check(cli::whole(1, 1 << 20));
}

inline void bind(CLI::App& app, MemprofTool& o) {
  bind_networks(app, o);
  bind_measurements(app, o);
  cli::add_common(app, o.common,
                  {Common::seed, Common::device, Common::lanes, Common::threads, Common::output});
  cli::not_recipe(app.add_flag("--table", o.table, "Print the networks as a TSV table"));
  cli::add_common(app, o.common,
                  {Common::json, Common::dry_run, Common::no_provenance, Common::progress});
}

inline study::MemoryRun effective(const MemprofTool& o, const cli::Invocation& call) {
  cli::goes_with(call, {"lr", "data"}, o.train_steps > 0, "--train-steps");
  cli::goes_with(call, {"max-units", "max-batch"}, !o.fit.empty(), "--fit");
  study::MemoryRun run;
  run.archs = o.archs;
  run.units = o.depths;
  run.widths = o.widths;
  for (const std::string& stream : o.streams) {
    const auto add = [&](const std::string& activations) {
      train::MemoryMode mode;
      train::parse_activations(activations, mode);
      train::parse_stream(stream, mode);
      run.modes.push_back(mode);
    };
    run.every_mode = o.modes.empty();
    if (run.every_mode) {
      for (const char* activations : {"stored", "checkpointed", "reversible"}) add(activations);
    } else {
      for (const std::string& activations : o.modes) add(activations);
    }
  }
  run.precisions.clear();
  for (const std::string& name : o.precisions) {
    run.precisions.push_back(train::parse_precision(name));
  }
  run.batch = o.batch;
  run.classes = o.classes;
  run.size = o.image_size;
  run.steps = o.steps;
  run.exactness = !o.no_exactness;
  run.train_steps = o.train_steps;
  run.lr = o.lr;
  run.data = o.data;
  if (!o.fit.empty()) run.fit = cli::parse_bytes(o.fit);
  run.most_units = o.most_units;
  run.most_batch = o.most_batch;
  run.seed = o.common.seed;
  return run;
}

}  // namespace rn::tools
