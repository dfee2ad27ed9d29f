// resnet-eval: error, top-5 error, loss, confusion and predictions of a model.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/progress.h"
#include "cli/run_tool.h"
#include "train/evaluate_run.h"
#include "train/predict.h"

namespace {

using namespace rn;
using cli::Common;

struct Options {
  cli::CommonOptions common;
  train::EvaluateRun run;
  train::PredictRun predict;
  std::vector<std::string> models;
  std::string split = "test";
  std::optional<std::int64_t> limit;
};

void bind(CLI::App& app, Options& o) {
  app.add_option("MODEL", o.models, "Model files, a line each if they are several; - is stdin")
      ->type_name("FILE")
      ->required();
  app.add_option("--data", o.run.data,
                 "Data set, KIND:WHERE; by default that of the training, if it is built in")
      ->type_name("URI");
  app.add_option("--split", o.split,
                 "train, val (what training set aside, or the data's own) or test")
      ->type_name("SPLIT")
      ->check(CLI::IsMember({"train", "val", "test"}));
  app.add_option("--limit-test", o.limit, "Evaluate the first N images only")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--batch", o.run.batch, "Images at a time")
      ->type_name("INT")
      ->check(cli::whole(1, 1 << 20));
  app.add_flag("--ten-crop", o.run.ten_crop,
               "Of image folders: the mean of corners and middle, and their mirror images");
  app.add_option("--predict", o.predict.images,
                 "Instead: tell the classes of this image, or of those in this directory, "
                 "tab-separated")
      ->type_name("PATH");
  app.add_option("--resize", o.predict.resize,
                 "With --predict: their shorter side before the middle is cut out; 0: as usual")
      ->type_name("N")
      ->check(cli::whole(0, 8192));
  app.add_option("--top", o.predict.top, "With --predict: classes of each image")
      ->type_name("N")
      ->check(cli::whole(1, 1000));
  app.add_flag("--per-class", o.run.report.per_class, "Print a table of the classes");
  app.add_flag("--confusion", o.run.report.confusion, "Print the confusion matrix");
  cli::add_common(app, o.common,
                  {Common::device, Common::precision, Common::threads, Common::output, Common::json,
                   Common::dry_run, Common::no_provenance, Common::progress});
}

// A line for each model, as soon as it is known; or one JSON object. A model that cannot be read
// leaves the others their lines.
int compare(const Options& o, train::EvaluateRun run) {
  if (!run.output.empty() || run.report.per_class || run.report.confusion) {
    fail(ErrorKind::usage, "-o, --per-class and --confusion are for one model");
  }
  if (std::count(o.models.begin(), o.models.end(), "-") > 1) {
    fail(ErrorKind::usage, "stdin holds one model");
  }
  std::vector<io::Json> all;
  int code = 0;
  const auto failed = [&](ErrorKind kind, std::string_view what) {
    warn("{}", what);
    if (code == 0) code = exit_code(kind);
  };
  if (!o.common.json) fmt::print("{}", train::evaluation_header);
  for (const std::string& model : o.models) {
    run.model = model;
    try {
      const train::EvaluateOutcome outcome = train::run_evaluation(run);
      if (outcome.nonfinite > 0) {
        failed(ErrorKind::numeric, fmt::format("{}: outputs are not finite", model));
      }
      if (o.common.json) {
        io::Json json = outcome.json;
        all.push_back(json.add("model", model));
      } else {
        fmt::print("{}", run.dry_run ? outcome.text : outcome.row);
        std::fflush(stdout);
      }
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::input) throw;
      failed(error.kind(), error.what());
    }
  }
  if (o.common.json) {
    fmt::print("{}\n", io::Json().add("models", std::span<const io::Json>(all)).str());
  }
  return code;
}

int print(const train::Predictions& found) {
  fmt::print("{}", found.table);
  for (const std::string& image : found.nonfinite) warn("{}: outputs are not finite", image);
  for (const std::string& problem : found.skipped) warn("{}", problem);
  if (found.skipped.empty()) return found.nonfinite.empty() ? 0 : exit_code(ErrorKind::numeric);
  warn("{} of {} images were skipped", found.skipped.size(), found.images);
  return exit_code(ErrorKind::input);
}

int run(const Options& o, const cli::Invocation& call) {
  const cli::CommonOptions& common = o.common;
  const Device device = cli::start(common);
  cli::check_stdout(common);
  train::EvaluateRun run = o.run;
  run.split = data::parse_split(o.split);
  run.limit = o.limit.value_or(-1);
  run.dtype = train::parse_precision(o.common.precision);
  run.output = o.common.output;
  run.force = o.common.force;
  run.dry_run = o.common.dry_run;
  run.volatile_provenance = !o.common.no_provenance;
  run.provenance = io::start_provenance(call.tool, call.command_line);
  run.provenance.config = call.recipe;
  run.device = device;
  run.provenance.device = describe(device);
  const bool predicts = !o.predict.images.empty();
  cli::goes_with(call, {"top", "resize"}, predicts, "--predict");
  cli::goes_without(call, {"per-class", "confusion", "split", "limit-test", "data"}, predicts,
                    "--predict");
  const auto progress = cli::make_progress({.mode = o.common.progress, .quiet = call.quiet});
  run.progress = progress.get();
  if (predicts) {
    if (o.models.size() > 1 || !run.output.empty() || o.common.json) {
      fail(ErrorKind::usage, "--predict takes one model, and prints a table");
    }
    train::PredictRun predict = o.predict;
    predict.model = o.models.front();
    predict.batch = run.batch;
    predict.ten_crop = run.ten_crop;
    predict.dtype = run.dtype;
    predict.device = device;
    predict.progress = run.progress;
    return print(train::predict(predict));
  }
  if (o.models.size() > 1) return compare(o, run);
  run.model = o.models.front();

  const train::EvaluateOutcome outcome = train::run_evaluation(run);
  if (o.common.json) {
    fmt::print("{}\n", outcome.json.str());
  } else if (o.common.output != "-") {
    fmt::print("{}", outcome.text);
  }
  if (outcome.nonfinite > 0) {
    fail(ErrorKind::numeric, "{}: the outputs for {} images are not finite", run.model,
         outcome.nonfinite);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run_tool<Options>(
      argc, argv, {"resnet-eval", "Evaluate a model: error, top-5 error, loss, predictions"}, bind,
      run);
}
