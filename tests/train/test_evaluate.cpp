#include <cmath>
#include <cstring>
#include <limits>

#include "base/parallel.h"
#include "base/rng.h"
#include "io/file.h"
#include "models/catalog.h"
#include "support/files.h"
#include "train/evaluate.h"
#include "train/evaluate_report.h"
#include "train/evaluate_run.h"

namespace {

using namespace rn;

// Noise with labels that have nothing to do with it.
class Noise : public data::Source {
 public:
  explicit Noise(std::int64_t count, std::int64_t classes = 4, std::int64_t side = 8) {
    info_ = {.uri = "noise:", .count = count, .height = side, .width = side, .channels = 3};
    for (std::int64_t k = 0; k < classes; ++k) info_.class_names.push_back(fmt::format("c{}", k));
  }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override {
    Rng rng(5, RngPurpose::test, static_cast<std::uint64_t>(index));
    for (std::uint8_t& x : image) x = static_cast<std::uint8_t>(rng.below(256));
    return static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(info_.classes())));
  }
};

models::Network network(Dtype dtype = Dtype::f32, std::int64_t classes = 4) {
  models::NetworkSpec spec = models::make_arch(
      "resnet20-cifar",
      {.height = 8, .width = 8, .classes = classes, .shortcut = {}, .shortcut_pool = {}});
  spec.blocks.erase(spec.blocks.begin() + 4, spec.blocks.end());
  models::Network made(spec, dtype);
  made.initialize(3);
  return made;
}

const data::Normalization normalization{{0.5, 0.5, 0.5}, {0.25, 0.25, 0.25}, {}};

train::Evaluation evaluate(const models::Network& net, const data::Source& source,
                           std::int64_t batch) {
  return train::evaluate(net, source, normalization, {.batch = batch, .keep_samples = true});
}

}  // namespace

TEST_CASE("an evaluation counts what the logits say") {
  constexpr std::int64_t count = 37;
  const Noise source(count);
  const models::Network net = network();
  train::EvaluateOptions options{.batch = 10, .top_k = 2, .keep_samples = true};
  const train::Evaluation e = train::evaluate(net, source, normalization, options);
  CHECK(e.complete);
  CHECK(e.count == count);
  REQUIRE(e.logits.shape() == Shape{count, 4});

  // Again from the logits, the slow way; these against a pass over all images at once.
  Tensor images({count, 8, 8, 3}, Dtype::f32, Tag::input);
  std::vector<std::uint8_t> bytes(8 * 8 * 3);
  std::int64_t errors = 0, top = 0;
  double loss = 0;
  std::vector<std::int64_t> confusion(16);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const auto label = static_cast<std::size_t>(source.read(i, bytes));
    for (std::size_t k = 0; k < bytes.size(); ++k) {
      images.data<float>()[at * bytes.size() + k] =
          static_cast<float>((bytes[k] / 255.0 - 0.5) / 0.25);
    }
    const float* logits = e.logits.data<float>() + at * 4;
    std::size_t best = 0, before = 0;
    double sum = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      if (logits[k] > logits[best]) best = k;
      before += logits[k] > logits[label];
      sum += std::exp(static_cast<double>(logits[k]) - static_cast<double>(logits[label]));
    }
    errors += best != label;
    top += before >= 2;
    loss += std::log(sum);
    ++confusion[label * 4 + best];
    CHECK(e.index[at] == i);
    CHECK(e.label[at] == static_cast<std::int64_t>(label));
    CHECK(e.prediction[at] == static_cast<std::int64_t>(best));
    CHECK(e.losses[at] == Approx(std::log(sum)).epsilon(1e-5));
  }
  CHECK(e.errors == errors);
  CHECK(e.top_k == 2);
  CHECK(e.top_errors == top);
  CHECK(e.loss() == Approx(loss / count).epsilon(1e-6));
  CHECK(e.confusion == confusion);
  CHECK(e.error() == 100.0 * static_cast<double>(errors) / count);
  std::int64_t class_count = 0, class_errors = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    class_count += e.class_count[k];
    class_errors += e.class_errors[k];
    CHECK(e.class_count[k] - e.class_errors[k] == e.confusion[k * 4 + k]);
  }
  CHECK(class_count == count);
  CHECK(class_errors == errors);

  TensorPool pool;
  models::Saved saved;
  const Tensor logits = net.forward(images, {pool}, saved);
  for (std::int64_t i = 0; i < logits.size(); ++i) {
    CHECK(logits.data<float>()[i] == Approx(e.logits.data<float>()[i]).epsilon(1e-4).margin(1e-4));
  }
}

TEST_CASE("an evaluation does not depend on threads, and leaves the model as it is") {
  const Noise source(50);
  const models::Network net = network();
  std::vector<Tensor> states;
  for (const auto& state : net.store().states()) states.push_back(state->value.clone());
  const int before = threads();
  set_threads(1);
  const train::Evaluation one = evaluate(net, source, 16);
  for (const int count : {2, 3, 7}) {
    set_threads(count);
    const train::Evaluation e = evaluate(net, source, 16);
    CHECK(std::memcmp(e.logits.raw(), one.logits.raw(), one.logits.bytes()) == 0);
    CHECK(e.loss_sum == one.loss_sum);
    CHECK(e.losses == one.losses);
  }
  set_threads(before);
  for (std::size_t i = 0; i < states.size(); ++i) {
    CHECK(std::memcmp(states[i].raw(), net.store().states()[i]->value.raw(), states[i].bytes()) ==
          0);
  }
}

TEST_CASE("an evaluation in other batches and in f64 is the same but for rounding") {
  const Noise source(50);
  const models::Network net = network(), exact = network(Dtype::f64);
  const train::Evaluation all = evaluate(net, source, 50);
  for (const std::int64_t batch : {1, 7, 32, 100}) {
    CHECK(evaluate(net, source, batch).loss() == Approx(all.loss()).epsilon(1e-5));
  }
  // Other random numbers would give another loss: f64 parameters are the same, less rounded.
  CHECK(evaluate(exact, source, 50).loss() == Approx(all.loss()).epsilon(1e-4));
  CHECK(evaluate(network(Dtype::bf16), source, 50).loss() == Approx(all.loss()).epsilon(1e-2));
}

TEST_CASE("a subset is evaluated in the order given") {
  const Noise source(20);
  const train::Evaluation e = train::evaluate(network(), source, normalization,
                                              {.indices = {3, 17, 4}, .keep_samples = true});
  CHECK(e.count == 3);
  CHECK(e.index == std::vector<std::int64_t>{3, 17, 4});
}

TEST_CASE("an evaluation can be stopped between batches") {
  const Noise source(50);
  int polls = 0;
  const train::Evaluation e = train::evaluate(
      network(), source, normalization, {.batch = 10, .should_stop = [&] { return ++polls > 2; }});
  CHECK_FALSE(e.complete);
  CHECK(e.count == 20);
}

TEST_CASE("logits that are not finite are errors of their own") {
  const Noise source(20);
  const models::Network net = network();
  net.store().parameters().back()->value.data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  const train::Evaluation e = evaluate(net, source, 8);
  CHECK(e.nonfinite == 20);
  CHECK(e.errors == 20);
  CHECK(e.top_errors == 20);
  CHECK(e.prediction[0] == -1);
  for (const std::int64_t cell : e.confusion) CHECK(cell == 0);
  const train::ModelFile file{.spec = net.spec(), .class_names = source.info().class_names};
  const train::Evaluated done{"m.h5", file, 1, "noise:", "test", e};
  CHECK(test::contains(train::to_json(done, {}).str(), "\"loss\":null"));
}

TEST_CASE("with few classes top-k is bounded by their number") {
  const Noise source(20, 3);
  const train::Evaluation e = evaluate(network(Dtype::f32, 3), source, 8);
  CHECK(e.top_k == 3);
  CHECK(e.top_errors == 0);
}

TEST_CASE("data that does not fit is refused") {
  const models::Network net = network();
  CHECK(test::contains(test::error_of(ErrorKind::input, [&] { evaluate(net, Noise(4, 5), 4); }),
                       "has 5 classes"));
  CHECK(test::contains(test::error_of(ErrorKind::input, [&] { evaluate(net, Noise(4, 4, 9), 4); }),
                       "9x9x3"));
}

TEST_CASE("a result file says what the evaluation says") {
  const Noise source(20);
  const models::Network net = network();
  const train::Evaluation e = evaluate(net, source, 8);
  const train::ModelFile file{.spec = net.spec(), .class_names = source.info().class_names};
  const train::Evaluated done{"m.h5", file, 1234, "noise:", "test", e};
  const io::H5 h5 = io::H5::open_image(train::to_result(done).image(), "r.h5");
  CHECK(h5.get_string("/", "kind") == "evaluation");
  CHECK(h5.read_ints("samples/prediction") == e.prediction);
  CHECK(h5.read_doubles("samples/loss") == e.losses);
  CHECK(h5.shape("logits") == Shape{20, 4});
  CHECK(h5.shape("confusion") == Shape{4, 4});
  CHECK(h5.read_strings("per_class/name") == file.class_names);
  CHECK(h5.get_string("per_class/error", "units") == "%");
  CHECK(h5.get_int("summary", "errors") == e.errors);
  CHECK(train::to_result(done).image() == train::to_result(done).image());
  const std::string json = train::to_json(done, {.per_class = true, .confusion = true}).str();
  for (const char* key : {"count", "errors", "error", "top5_error", "loss", "confusion"}) {
    CHECK(test::contains(json, fmt::format("\"{}\":", key)));
  }
}

TEST_CASE("the validation split of the training is found again") {
  const test::TempDir dir;
  const std::string path = dir / "m.h5";
  const models::Network net(models::make_arch("resnet20-cifar"), Dtype::f32);
  const auto source = data::open_source("synth:shapes", data::Split::train, 30);
  train::ModelFile file;
  file.class_names = source->info().class_names;
  file.normalization = normalization;
  file.data_uri = "synth:shapes";
  file.data_digest = source->info().digest;
  file.training.emplace();
  file.training->seed = 9;
  file.training->source_images = 30;
  file.training->val_images = 4;
  io::write_file(path, train::save_model(net, file));
  const std::string result = dir / "r.h5";
  train::EvaluateRun run{.model = path, .split = data::Split::val, .output = result};
  train::run_evaluation(run);
  CHECK(io::H5::open(result).read_ints("samples/index") == data::split_validation(30, 4, 9).val);
  run.force = true;
  run.limit = 2;
  train::run_evaluation(run);
  CHECK(io::H5::open(result).read_ints("samples/index").size() == 2);

  file.training->val_images = 0;
  io::write_file(path, train::save_model(net, file));
  test::error_of(ErrorKind::usage, [&] { train::run_evaluation(run); });
  file.data_uri = "cifar10:/nowhere";
  io::write_file(path, train::save_model(net, file));
  CHECK(test::contains(test::error_of(ErrorKind::usage, [&] { train::run_evaluation(run); }),
                       "--data"));
}
