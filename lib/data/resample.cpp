#include "data/resample.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace rn::data {
namespace {

// For each output pixel the first input pixel, and the weights of it and those after it.
struct Taps {
  int most = 0;  // weights a pixel
  std::vector<std::int64_t> first;
  std::vector<int> count;
  std::vector<float> weight;
};

Taps taps_of(std::int64_t size, double begin, double extent, std::int64_t out) {
  Taps taps;
  const double scale = extent / static_cast<double>(out), reach = std::max(scale, 1.0);
  const auto low = static_cast<std::int64_t>(std::clamp<double>(std::floor(begin), 0, size - 1));
  const auto high = static_cast<std::int64_t>(
      std::clamp<double>(std::ceil(begin + extent), static_cast<double>(low) + 1, size));
  taps.most = static_cast<int>(std::ceil(reach)) * 2 + 1;
  taps.weight.assign(static_cast<std::size_t>(out) * static_cast<std::size_t>(taps.most), 0.0f);
  for (std::int64_t o = 0; o < out; ++o) {
    const double center = begin + (static_cast<double>(o) + 0.5) * scale;
    const std::int64_t from =
        std::clamp(static_cast<std::int64_t>(std::floor(center - reach + 0.5)), low, high - 1);
    const std::int64_t to =
        std::clamp(static_cast<std::int64_t>(std::floor(center + reach + 0.5)), from + 1, high);
    const int count = static_cast<int>(std::min<std::int64_t>(to - from, taps.most));
    float* weight = taps.weight.data() + o * taps.most;
    double sum = 0;
    for (int k = 0; k < count; ++k) {
      const double away = std::abs((static_cast<double>(from + k) - center + 0.5) / reach);
      weight[k] = static_cast<float>(std::max(0.0, 1 - away));
      sum += weight[k];
    }
    // A window of less than a pixel may lie between the centres.
    if (sum <= 0) weight[0] = 1;
    for (int k = 0; k < count && sum > 0; ++k) weight[k] = static_cast<float>(weight[k] / sum);
    taps.first.push_back(from);
    taps.count.push_back(count);
  }
  return taps;
}

template <int fixed>
void across(std::span<const std::uint8_t> image, std::int64_t columns, std::int64_t channels,
            std::int64_t top, std::int64_t rows, const Taps& taps, float* out) {
  const std::int64_t c_end = fixed > 0 ? fixed : channels;
  const std::size_t width = taps.first.size();
  for (std::int64_t y = 0; y < rows; ++y) {
    const std::uint8_t* row = image.data() + (top + y) * columns * c_end;
    for (std::size_t x = 0; x < width; ++x, out += c_end) {
      const float* weight = taps.weight.data() + x * static_cast<std::size_t>(taps.most);
      const std::uint8_t* in = row + taps.first[x] * c_end;
      for (std::int64_t c = 0; c < c_end; ++c) out[c] = 0;
      for (int k = 0; k < taps.count[x]; ++k, in += c_end) {
        for (std::int64_t c = 0; c < c_end; ++c) out[c] += weight[k] * static_cast<float>(in[c]);
      }
    }
  }
}

}  // namespace

void resample(std::span<const std::uint8_t> image, std::int64_t rows, std::int64_t columns,
              std::int64_t channels, const Window& window, std::span<std::uint8_t> out,
              std::int64_t height, std::int64_t width) {
  require(static_cast<std::int64_t>(image.size()) == rows * columns * channels &&
              static_cast<std::int64_t>(out.size()) == height * width * channels && rows > 0 &&
              columns > 0 && window.height > 0 && window.width > 0,
          "resample: {} bytes of {}x{}x{} to {} bytes of {}x{}", image.size(), rows, columns,
          channels, out.size(), height, width);
  const Taps down = taps_of(rows, window.y, window.height, height);
  const Taps right = taps_of(columns, window.x, window.width, width);
  const std::int64_t top = down.first.front();
  const std::int64_t bottom = down.first.back() + down.count.back();
  const auto line = static_cast<std::size_t>(width * channels);
  std::vector<float> rows_done(static_cast<std::size_t>(bottom - top) * line), sum(line);
  if (channels == 3) {
    across<3>(image, columns, channels, top, bottom - top, right, rows_done.data());
  } else {
    across<0>(image, columns, channels, top, bottom - top, right, rows_done.data());
  }
  for (std::int64_t y = 0; y < height; ++y) {
    const auto at = static_cast<std::size_t>(y);
    std::fill(sum.begin(), sum.end(), 0.0f);
    const float* weight = down.weight.data() + y * down.most;
    for (int k = 0; k < down.count[at]; ++k) {
      const float* in =
          rows_done.data() + static_cast<std::size_t>(down.first[at] - top + k) * line;
      for (std::size_t i = 0; i < line; ++i) sum[i] += weight[k] * in[i];
    }
    std::uint8_t* to = out.data() + at * line;
    for (std::size_t i = 0; i < line; ++i) {
      to[i] = static_cast<std::uint8_t>(std::clamp(sum[i] + 0.5f, 0.0f, 255.0f));
    }
  }
}

}  // namespace rn::data
