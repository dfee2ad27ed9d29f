// How a converted network wants its images.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "train/convert_run.h"

namespace rn::train {
namespace {

struct Known {
  const char* name;
  std::vector<double> mean, stddev;  // of R, G, B on the 0..1 scale
  bool reversed = false;
};

const std::vector<Known>& known_scales() {
  static const std::vector<Known> list{
      {"imagenet", {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}},
      {"cifar", {0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}},
      {"none", {0}, {1}},
      {"keras-caffe",
       {123.68 / 255, 116.779 / 255, 103.939 / 255},
       {1.0 / 255, 1.0 / 255, 1.0 / 255},
       true},
      {"keras-tf", {0.5}, {0.5}},
      {"bytes", {0}, {1.0 / 255}},
  };
  return list;
}

std::vector<double> numbers_of(const std::string& text) {
  std::vector<double> numbers;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(',', from), text.size());
    double value = 0;
    const auto parsed = std::from_chars(text.data() + from, text.data() + end, value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + end || !std::isfinite(value)) {
      return {};
    }
    numbers.push_back(value);
    from = end + 1;
  }
  return numbers;
}

std::vector<double> spread(const std::vector<double>& values, std::int64_t channels) {
  if (values.size() == 1) return std::vector<double>(static_cast<std::size_t>(channels), values[0]);
  return values;
}

}  // namespace

const char* to_string(convert::InputScale scale) {
  switch (scale) {
    case convert::InputScale::imagenet: return "imagenet";
    case convert::InputScale::cifar: return "cifar";
    case convert::InputScale::keras_caffe: return "keras-caffe";
    case convert::InputScale::keras_tf: return "keras-tf";
    default: return "none";
  }
}

std::string input_scale_text(const data::Normalization& normalization) {
  return fmt::format("{}{},{}", normalization.reversed ? "bgr:" : "",
                     fmt::join(normalization.mean, ","), fmt::join(normalization.stddev, ","));
}

data::Normalization parse_input_scale(const std::string& text, std::int64_t channels) {
  data::Normalization result;
  std::string names;
  const auto wanted = static_cast<std::size_t>(channels);
  for (const Known& known : known_scales()) {
    names += std::string(known.name) + ", ";
    if (text != known.name) continue;
    result.mean = spread(known.mean, channels);
    result.stddev = spread(known.stddev, channels);
    result.reversed = known.reversed;
    if (result.mean.size() != wanted) {
      fail(ErrorKind::usage, "--normalize {}: is for 3 channels, the network takes {}", text,
           channels);
    }
    return result;
  }
  result.reversed = text.starts_with("bgr:");
  const std::vector<double> numbers = numbers_of(text.substr(result.reversed ? 4 : 0));
  const std::size_t half = numbers.size() / 2;
  if (numbers.empty() || numbers.size() % 2 != 0 || (half != 1 && half != wanted)) {
    fail(ErrorKind::usage,
         "--normalize {}: expected one of {}or a mean for each of {} channels, then as many "
         "deviations, with commas between",
         text, names, channels);
  }
  result.mean =
      spread({numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(half)}, channels);
  result.stddev =
      spread({numbers.begin() + static_cast<std::ptrdiff_t>(half), numbers.end()}, channels);
  if (std::any_of(result.stddev.begin(), result.stddev.end(), [](double x) { return x <= 0; })) {
    fail(ErrorKind::usage, "--normalize {}: deviations must be positive", text);
  }
  return result;
}

}  // namespace rn::train
