// How inputs are brought to zero mean and unit variance.
#include <array>
#include <cmath>

#include "data/source.h"

namespace rn::data {

constexpr std::size_t most_measured = 4000;  // images of a source that is not small

const char* to_string(NormalizationKind kind) {
  switch (kind) {
    case NormalizationKind::channel: return "channel";
    case NormalizationKind::mean_image: return "mean-image";
    case NormalizationKind::mean_image_255: return "mean-image-255";
    case NormalizationKind::none: return "none";
  }
  return "?";
}

NormalizationKind parse_normalization(const std::string& text) {
  for (const auto kind : {NormalizationKind::channel, NormalizationKind::mean_image,
                          NormalizationKind::mean_image_255, NormalizationKind::none}) {
    if (text == to_string(kind)) return kind;
  }
  fail(ErrorKind::usage,
       "normalisation '{}' is unknown: channel, mean-image, mean-image-255 or none", text);
}

Normalization measure_normalization(const Source& source, std::span<const std::int64_t> indices,
                                    NormalizationKind kind) {
  const Info& info = source.info();
  const auto channels = static_cast<std::size_t>(info.channels);
  const auto area = static_cast<std::size_t>(info.height * info.width);
  Normalization result;
  result.mean.assign(channels, 0.0);
  result.stddev.assign(channels, 1.0);
  if (kind == NormalizationKind::none) return result;
  if (indices.empty()) fail(ErrorKind::input, "{}: no samples to measure", info.uri);

  if (info.points) {
    if (kind == NormalizationKind::mean_image) {
      fail(ErrorKind::usage, "{}: points have no mean image; --normalize channel or none",
           info.uri);
    }
    std::vector<double> point(channels), m2(channels, 0);
    double count = 0;
    for (const std::int64_t index : indices) {  // Welford's update
      source.read_point(index, point);
      count += 1;
      for (std::size_t c = 0; c < channels; ++c) {
        const double before = point[c] - result.mean[c];
        result.mean[c] += before / count;
        m2[c] += before * (point[c] - result.mean[c]);
      }
    }
    for (std::size_t c = 0; c < channels; ++c) {
      const double deviation = std::sqrt(m2[c] / count);
      // What differs only by rounding does not change.
      if (deviation > 1e-12 * std::abs(result.mean[c])) result.stddev[c] = deviation;
    }
    return result;
  }

  // Sums of bytes and of their squares are integers: exact, in any order.
  std::vector<std::int64_t> sum(area * channels, 0), square(channels, 0);
  std::vector<std::uint8_t> image(area * channels);
  // Where reading all takes long, some thousands tell enough: every so many-th.
  const std::size_t every =
      source.small() ? 1 : (indices.size() + most_measured - 1) / most_measured;
  std::size_t read = 0;
  for (std::size_t i = 0; i < indices.size(); i += every, ++read) {
    source.read(indices[i], image);
    for (std::size_t p = 0; p < area; ++p) {
      for (std::size_t c = 0; c < channels; ++c) {
        const std::int64_t x = image[p * channels + c];
        sum[p * channels + c] += x;
        square[c] += x * x;
      }
    }
  }
  const auto n = static_cast<double>(read);
  const double all = n * static_cast<double>(area);
  const bool by_pixel =
      kind == NormalizationKind::mean_image || kind == NormalizationKind::mean_image_255;
  if (by_pixel) {
    result.mean_image = Tensor({info.height, info.width, info.channels}, Dtype::f32, Tag::input);
  }
  for (std::size_t c = 0; c < channels; ++c) {
    std::int64_t total = 0;
    double explained = 0;  // the sum of squares that the mean accounts for
    for (std::size_t p = 0; p < area; ++p) {
      const auto s = static_cast<double>(sum[p * channels + c]);
      total += sum[p * channels + c];
      if (by_pixel) {
        result.mean_image.data<float>()[p * channels + c] = static_cast<float>(s / n / 255);
        explained += s * s / n;
      }
    }
    const auto t = static_cast<double>(total);
    if (kind == NormalizationKind::channel) explained = t * t / all;
    const double variance = (static_cast<double>(square[c]) - explained) / all / (255.0 * 255.0);
    result.mean[c] = t / all / 255;
    // Below a hundredth of a grey level there is nothing but rounding.
    result.stddev[c] = variance > 1e-9 ? std::sqrt(variance) : 1.0;
    if (kind == NormalizationKind::mean_image_255) result.stddev[c] = 1.0 / 255;
  }
  return result;
}

}  // namespace rn::data
