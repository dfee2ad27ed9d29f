// interop-driver: single steps of training on numbers from stdin, for tests/interop/training.py,
// which compares them with PyTorch's and torchvision's. Numbers are raw, in the machine's order.
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "data/augment.h"
#include "data/kinds.h"
#include "ops/loss.h"
#include "train/optimizer.h"

namespace rn::test {
namespace {

// Options of the command line: name=value.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 2; i < argc; ++i) {
      const std::string word = argv[i];
      const std::size_t equals = word.find('=');
      values_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  double operator()(const char* name, double otherwise = 0) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : std::stod(found->second);
  }
  std::int64_t whole(const char* name) const { return static_cast<std::int64_t>((*this)(name)); }
  std::string text(const char* name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? "" : found->second;
  }

 private:
  std::map<std::string, std::string> values_;
};

template <class T>
void take(std::span<T> values) {
  if (std::fread(values.data(), sizeof(T), values.size(), stdin) != values.size()) {
    fail(ErrorKind::input, "stdin is too short");
  }
}

template <class T>
void give(std::span<T> values) {
  std::fwrite(values.data(), sizeof(T), values.size(), stdout);
}

template <class T>
std::vector<T> take(std::int64_t count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  take(std::span(values));
  return values;
}

void resample(const Arguments& a) {
  const std::int64_t rows = a.whole("rows"), columns = a.whole("columns"), c = a.whole("channels"),
                     height = a.whole("height"), width = a.whole("width");
  const auto image = take<std::uint8_t>(rows * columns * c);
  std::vector<std::uint8_t> out(static_cast<std::size_t>(height * width * c));
  data::resample(image, rows, columns, c, {a("y"), a("x"), a("h"), a("w")}, out, height, width);
  give(std::span(out));
}

void colour(const Arguments& a) {
  data::Colour colour;
  colour.brightness = a("brightness", 1);
  colour.contrast = a("contrast", 1);
  colour.saturation = a("saturation", 1);
  colour.hue = a("hue");
  const std::string order = a.text("order");
  for (std::size_t i = 0; i < order.size(); ++i) colour.order[i] = order[i] - '0';
  colour.lighting = data::lighting_of({a("alpha0"), a("alpha1"), a("alpha2")});
  auto image = take<float>(3 * a.whole("pixels"));
  apply_colour(colour, image);
  give(std::span(image));
}

// Normalisation, padding, crop, mirror image and erasing of one image.
void transform(const Arguments& a) {
  data::Info info{
      .uri = "stdin", .height = a.whole("height"), .width = a.whole("width"), .channels = 3};
  info.class_names = {"it"};
  const data::MemorySource source(info, take<std::uint8_t>(3 * info.height * info.width), {0});
  data::Augment augment;
  augment.pad = static_cast<int>(a("pad"));
  const data::Transform made(source.info(), {{0.1, 0.2, 0.3}, {0.5, 0.25, 2}, {}}, augment,
                             Dtype::f32);
  const Tensor images({1, info.height, info.width, 3}, Dtype::f32, Tag::input);
  data::Draw draw;
  draw.crop = {static_cast<int>(a("dy")), static_cast<int>(a("dx")), a("flip") != 0};
  draw.erased[0] = {a.whole("top"), a.whole("bottom"), a.whole("left"), a.whole("right")};
  made.read(source, 0, draw, images, 0);
  give(images.span<float>());
}

void mix(const Arguments& a) {
  const std::int64_t n = a.whole("n"), height = a.whole("height"), width = a.whole("width");
  data::Mix mix{.kind = data::Mix::Kind::mixup, .share = a("share"), .box = {}};
  if (a("cut") != 0) mix = data::cut_mix(a("share"), a.whole("y"), a.whole("x"), height, width);
  const Tensor images({n, height, width, 3}, Dtype::f32, Tag::input),
      labels({n}, Dtype::i32, Tag::input), others({n}, Dtype::i32, Tag::input),
      shares({n}, Dtype::f64, Tag::input);
  take(images.span<float>());
  take(labels.span<std::int32_t>());
  apply_mix(mix, images, labels, others, shares);
  give(images.span<float>());
  give(others.span<std::int32_t>());
  give(shares.span<double>());
}

void loss(const Arguments& a) {
  const std::int64_t n = a.whole("n"), k = a.whole("classes");
  const Tensor logits({n, k}, Dtype::f64, Tag::input), d({n, k}, Dtype::f64, Tag::input),
      labels({n}, Dtype::i32, Tag::input), others({n}, Dtype::i32, Tag::input),
      shares({n}, Dtype::f64, Tag::input), losses({n}, Dtype::f64, Tag::input);
  take(logits.span<double>());
  take(labels.span<std::int32_t>());
  take(others.span<std::int32_t>());
  take(shares.span<double>());
  ops::softmax_cross_entropy({.label_smoothing = a("smoothing"),
                              .scale = 1.0 / static_cast<double>(n),
                              .others = others,
                              .shares = shares},
                             logits, labels, losses, d);
  give(losses.span<double>());
  give(d.span<double>());
}

// Steps of one parameter of n numbers, each with its gradient.
void optimizer(const Arguments& a) {
  nn::Store store(Dtype::f64);
  const auto parameter =
      store.parameter("weight", {a.whole("n")}, nn::ParameterKind::linear_weight);
  store.require_gradients();
  take(parameter->value.span<double>());
  train::OptimizerOptions options;
  options.kind = train::parse_optimizer(a.text("kind"));
  options.momentum = a("momentum", 0.9);
  options.nesterov = a("nesterov") != 0;
  options.beta1 = a("beta1", 0.9);
  options.beta2 = a("beta2", 0.999);
  options.eps = a("eps", 1e-8);
  options.weight_decay = a("decay");
  options.clip_norm = a("clip_norm");
  options.clip_value = a("clip_value");
  train::Optimizer made(options, store);
  for (std::int64_t step = 1; step <= a.whole("steps"); ++step) {
    take(parameter->gradient.span<double>());
    made.step(a("lr"), step);
  }
  give(parameter->value.span<double>());
}

const std::map<std::string, void (*)(const Arguments&)> commands = {
    {"resample", resample}, {"colour", colour}, {"transform", transform},
    {"mix", mix},           {"loss", loss},     {"optimizer", optimizer}};

}  // namespace
}  // namespace rn::test

int main(int argc, char** argv) {
  using namespace rn::test;
  try {
    const auto found = commands.find(argc > 1 ? argv[1] : "");
    if (found == commands.end()) {
      std::fprintf(stderr, "interop-driver COMMAND NAME=VALUE...\n");
      return 2;
    }
    found->second(Arguments(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "interop-driver: %s\n", error.what());
    return 1;
  }
  return 0;
}
