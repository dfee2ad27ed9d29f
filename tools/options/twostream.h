// The options of video-twostream, and what they mean to the library. Each command has its own; a
// help without a command shows all.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "options/train.h"
#include "video/twostream_eval.h"

namespace rn::tools {

enum class TwoStreamCommand { train, eval, predict, none };

struct TwoStreamTool {
  std::string command;
  TrainTool train;  // with the common options
  // Clips.
  std::string data, flow, cache = "1G";
  std::optional<int> short_side, test_frames;
  int test_batch = 8;
  std::optional<bool> flip;
  bool strict = false;
  // The network.
  std::string streams = "both", connection = "additive", temporal_pool = "none";
  bool no_temporal = false;
  models::StOptions network;
  std::vector<std::string> init_from;
  // Chunks.
  int frames = 1, side = 0;
  std::string stride = "1", crop = "jitter";
  // Evaluation and prediction.
  std::string model, with, split = "test", table, render;
  std::vector<std::string> inputs;
  std::optional<std::int64_t> limit;
  int top = 5;
  train::ReportOptions report;
};

inline TwoStreamCommand parse_command(const std::string& word) {
  using enum TwoStreamCommand;
  return word == "train" ? train : word == "eval" ? eval : word == "predict" ? predict : none;
}

inline void bind_clips(CLI::App& app, TwoStreamTool& o, TwoStreamCommand command) {
  using cli::not_recipe;
  if (command != TwoStreamCommand::predict) {
    app.add_option("--data", o.data,
                   "Clips: clips:DIR (folders of classes, in train and test), clips:DIR?split=1 "
                   "(lists as of UCF101, HMDB51), clips:FILE.csv (path,label[,split])")
        ->type_name("URI");
  }
  not_recipe(app.add_option("--flow", o.flow,
                            "Folder that video-flow wrote for these clips; else computed here"))
      ->type_name("DIR");
  app.add_option("--short-side", o.short_side,
                 "Resize pictures so that the shorter side has so many pixels; 256 in the paper")
      ->type_name("PX")
      ->check(cli::whole(0, 8192));
  app.add_option("--test-frames", o.test_frames, "Frames of a clip in testing, 25 by default")
      ->type_name("INT")
      ->check(cli::whole(1, 10000));
  not_recipe(app.add_option("--test-batch", o.test_batch, "Clips at a time in testing"))
      ->type_name("INT")
      ->check(cli::whole(1, 100000));
  // A function: CLI11 takes an optional for a counter, which is 0 where nothing was said.
  app.add_flag_function(
      "--flip,!--no-flip", [&o](std::int64_t count) { o.flip = count > 0; },
      "Mirror clips by lot, and in testing take the mean of both; only where "
      "mirroring leaves the class as it is");
  not_recipe(app.add_option("--cache", o.cache, "Keep decoded clips in so much memory, 500M, 4G"))
      ->type_name("BYTES")
      ->check(checked(cli::parse_bytes));
  not_recipe(app.add_flag("--strict", o.strict, "Stop at the first clip that cannot be used"));
}

inline void bind_streams(CLI::App& app, TwoStreamTool& o) {
  app.add_option("--arch", o.train.arch,
                 "Architecture of a stream: a post-activation residual network (resnet18), or that "
                 "of --init-from")
      ->type_name("NAME");
  app.add_option("--width", o.train.train.width,
                 "Channels of the first stage; 0: the architecture's own")
      ->type_name("INT")
      ->check(cli::whole(0, 4096));
  app.add_option("--streams", o.streams, "appearance, motion or both")
      ->type_name("WHICH")
      ->check(CLI::IsMember({"appearance", "motion", "both"}));
  app.add_option("--connection", o.connection,
                 "From motion to appearance: additive, multiplicative or none")
      ->type_name("KIND")
      ->check(checked(models::parse_connection));
  app.add_flag("--no-temporal", o.no_temporal, "No temporal convolutions");
  app.add_option("--temporal-pool", o.temporal_pool,
                 "Maximum over time: none, after_average (the paper) or before_average (its code)")
      ->type_name("KIND")
      ->check(checked(models::parse_temporal_pool));
  app.add_option("--flow-stack", o.network.flow_stack, "Fields of flow that go with a frame")
      ->type_name("INT")
      ->check(cli::whole(1, 100));
  app.add_option("--init-from", o.init_from,
                 "Start from these models: image networks for both streams, two-stream networks "
                 "for those they have; later ones are stronger")
      ->type_name("MODEL")
      ->delimiter(',');
  app.add_option("--init-gain", o.train.train.init_gain,
                 "Factor on the random weights that training starts from")
      ->type_name("FLOAT")
      ->check(cli::real(1e-6, 1e6));
}

// "5", "5-15".
struct Strides {
  int low = 1, high = 1;
};
inline Strides parse_strides(const std::string& text) {
  const std::size_t dash = text.find('-');
  const auto number = [&](const std::string& part) {
    const bool good = !part.empty() && part.size() < 6 &&
                      part.find_first_not_of("0123456789") == std::string::npos;
    const int value = good ? std::stoi(part) : 0;
    if (value < 1) fail(ErrorKind::usage, "--stride {}: expected 5, or 5-15", text);
    return value;
  };
  const int low = number(text.substr(0, dash)),
            high = dash == std::string::npos ? low : number(text.substr(dash + 1));
  if (high < low) fail(ErrorKind::usage, "--stride {}: falls", text);
  return {low, high};
}

inline void bind_chunks(CLI::App& app, TwoStreamTool& o) {
  app.add_option("--frames", o.frames, "Frames of a clip in training (T)")
      ->type_name("INT")
      ->check(cli::whole(1, 1000));
  app.add_option("--stride", o.stride,
                 "Pictures from one frame to the next (tau), such as 5, or 5-15: drawn anew")
      ->type_name("RANGE")
      ->check(checked(parse_strides));
  app.add_option("--crop", o.crop, "Windows in training: jitter, corners or centre")
      ->type_name("KIND")
      ->check(checked(video::parse_crop));
  app.add_option("--side", o.side,
                 "Of these windows, in pixels; 0: 7/8 of --short-side, which must be given then")
      ->type_name("PX")
      ->check(cli::whole(0, 8192));
  app.add_option("--limit-train", o.train.limit_train, "Train on N clips only, classes in turns")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--limit-test", o.train.limit_test, "Test on N clips only")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--val", o.train.train.val, "Set N training clips aside for validation")
      ->type_name("INT")
      ->check(cli::whole(0));
}

inline void bind_training(CLI::App& app, TwoStreamTool& o) {
  bind_streams(app, o);
  bind_chunks(app, o);
  bind_optimisation(app, o.train);
  bind_optimizer(app, o.train);
  bind_files(app, o.train);
  bind_keeping(app, o.train);
  // What is there for image networks only.
  for (const char* name : {"--loader-only", "--memory-limit"}) {
    app.remove_option(app.get_option(name));
  }
  app.get_option("--batch")->description("Clips a step; 0: all of them");
  app.get_option("--micro-batch")
      ->description(
          "Compute a batch in parts of N clips, and add their gradients: batch norms see the part "
          "(the paper's BN batch); 0: at once");
  app.get_option("--loaders")->description("Threads that decode clips and compute flow; 0: all");
  cli::add_common(app, o.train.common, {Common::seed, Common::lanes});
}

inline void bind_testing(CLI::App& app, TwoStreamTool& o, TwoStreamCommand command) {
  using enum TwoStreamCommand;
  if (command != predict) {
    app.add_option("--split", o.split, "Which clips: train, val or test")
        ->type_name("SPLIT")
        ->check(checked(data::parse_split));
    app.add_option("--limit", o.limit, "The first N clips, classes in turns")
        ->type_name("N")
        ->check(cli::whole(1));
    app.add_flag("--per-class", o.report.per_class, "Print a table of the classes");
    app.add_flag("--confusion", o.report.confusion, "Print the confusion matrix");
  }
  if (command != eval) {
    app.add_option("--top", o.top, "predict: so many classes of each clip")
        ->type_name("K")
        ->check(cli::whole(1, 100000));
  }
  app.add_option("--with", o.with,
                 "A second model, of the stream that MODEL has not: a two-stream network without "
                 "connections")
      ->type_name("MODEL");
  if (command != eval) {
    cli::not_recipe(
        app.add_option("--render", o.render,
                       "predict: draw one clip, its flow and its classes, .svg or .png"))
        ->type_name("FILE");
  }
  cli::not_recipe(
      app.add_option("--table", o.table, "Write scores clip by clip into this .csv or .tsv file"))
      ->type_name("FILE");
  if (command == none) return;  // there with the options of training
  cli::not_recipe(app.add_option("--loaders", o.train.train.loaders,
                                 "Threads that decode clips and compute flow; 0: all"))
      ->type_name("N")
      ->check(cli::whole(0, 1024));
}

inline void bind_two_stream(CLI::App& app, TwoStreamTool& o, TwoStreamCommand command) {
  using enum TwoStreamCommand;
  app.add_option("COMMAND", o.command, "train, eval or predict; COMMAND --help shows its options")
      ->type_name("COMMAND")
      ->required()
      ->check(CLI::IsMember({"train", "eval", "predict"}));
  if (command == eval || command == predict) {
    app.add_option("MODEL", o.model, "What train wrote; - is stdin")->type_name("FILE")->required();
  }
  if (command == predict) {
    app.add_option("CLIP", o.inputs, "Clips, folders of clips, lists")
        ->type_name("FILE")
        ->required();
  }
  bind_clips(app, o, command);
  if (command == train || command == none) bind_training(app, o);
  if (command != train) bind_testing(app, o, command);
  cli::add_common(app, o.train.common,
                  {Common::device, Common::precision, Common::threads, Common::json,
                   Common::dry_run, Common::no_provenance, Common::progress});
  if (command != predict) {
    cli::add_common(app, o.train.common, {Common::output});
  } else {
    cli::not_recipe(app.add_flag("--force", o.train.common.force, "Overwrite an existing output"));
  }
}

inline video::ClipData clip_data(const TwoStreamTool& o) {
  video::ClipData data;
  data.uri = o.data;
  data.flow = o.flow;
  data.test_batch = o.test_batch;
  data.cache_bytes = cli::parse_bytes(o.cache);
  data.loaders = o.train.train.loaders;
  data.strict = o.strict;
  return data;
}

inline video::TwoStreamTrain effective_training(const TwoStreamTool& o, Device device,
                                                const cli::Invocation& call) {
  video::TwoStreamTrain run;
  run.train = effective(o.train, device, call);
  if (o.data.empty()) {
    fail(ErrorKind::usage,
         "train on what? --data clips:DIR; resnet-data synth:actions makes films");
  }
  run.train.data = o.data;
  run.data = clip_data(o);
  run.data.short_side = o.short_side.value_or(0);
  run.data.flip = o.flip.value_or(false);
  run.data.test_frames = o.test_frames.value_or(run.data.test_frames);
  run.network = o.network;
  run.network.appearance = o.streams != "motion";
  run.network.motion = o.streams != "appearance";
  run.network.connection = models::parse_connection(o.connection);
  run.network.temporal_convs = !o.no_temporal;
  run.network.temporal_pool = models::parse_temporal_pool(o.temporal_pool);
  run.init_from = o.init_from;
  const Strides strides = parse_strides(o.stride);
  run.chunk = {.frames = o.frames,
               .stride_low = strides.low,
               .stride_high = strides.high,
               .flow_stack = static_cast<int>(o.network.flow_stack),
               .side = o.side > 0 ? o.side : run.data.short_side * 7 / 8,
               .crop = video::parse_crop(o.crop),
               .flip = run.data.flip};
  if (run.chunk.side < 1) {
    fail(ErrorKind::usage, "how large are windows? --side PX, or --short-side PX and 7/8 of it");
  }
  if (run.data.short_side > 0) {
    run.chunk.share = static_cast<double>(run.chunk.side) / run.data.short_side;
    if (run.chunk.share > 1) {
      fail(ErrorKind::usage, "--side {} is more than --short-side {}", run.chunk.side,
           run.data.short_side);
    }
  }
  return run;
}

inline video::TwoStreamEval effective_testing(const TwoStreamTool& o, Device device,
                                              const cli::Invocation& call) {
  const cli::CommonOptions& common = o.train.common;
  video::TwoStreamEval run;
  run.model = o.model;
  run.with = o.with;
  run.data = clip_data(o);
  run.short_side = o.short_side;
  run.frames = o.test_frames;
  run.flip = o.flip;
  run.split = data::parse_split(o.split);
  run.limit = o.limit.value_or(-1);
  run.dtype = train::parse_precision(common.precision);
  run.device = device;
  run.report = o.report;
  run.output = common.output;
  run.dry_run = common.dry_run;
  run.table = o.table;
  run.force = common.force;
  run.volatile_provenance = !common.no_provenance;
  run.provenance = io::start_provenance(call.tool, call.command_line);
  run.provenance.config = call.recipe;
  run.provenance.device = describe(device);
  run.stop = cli::stop_requested;
  cli::check_stdout(common);
  return run;
}

}  // namespace rn::tools
