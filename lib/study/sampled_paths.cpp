#include "study/sampled_paths.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/rng.h"
#include "ops/stack.h"

namespace rn::study {
namespace {

// `b` of the random numbers' address: kinds of draws, apart from those of lesions (k << 8 | 0 ..
// 8).
constexpr std::uint64_t draw_blocks = 100, draw_images = 101;

// The first k of a shuffle of 0 .. n-1.
std::vector<std::int64_t> draw(Rng rng, std::int64_t n, std::int64_t k) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t j = i + rng.below(static_cast<std::uint32_t>(n - i));
    std::swap(all[static_cast<std::size_t>(i)], all[static_cast<std::size_t>(j)]);
  }
  all.resize(static_cast<std::size_t>(k));
  std::sort(all.begin(), all.end());
  return all;
}

double sum_of_norms(const Tensor& gradient) {
  const std::int64_t images = gradient.dim(0);
  const Device device = gradient.device();
  const Tensor squares({1, images}, Dtype::f64, Tag::workspace, device),
      dots(squares.shape(), Dtype::f64, Tag::workspace, device);
  ops::stack_products(gradient, images, 0, squares, dots, default_stream(device));
  const Tensor host = squares.on(cpu);
  double sum = 0;
  for (const double square : host.span<double>()) sum += std::sqrt(square);
  return sum;
}

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<std::int64_t> sampled_blocks(std::int64_t n, std::int64_t k, std::int64_t trial,
                                         std::uint64_t seed) {
  return draw({seed, RngPurpose::study, static_cast<std::uint64_t>(trial),
               static_cast<std::uint64_t>(k) << 8 | draw_blocks},
              n, k);
}

std::vector<std::int64_t> sampled_images(std::int64_t count, std::int64_t batch, std::int64_t trial,
                                         std::uint64_t seed) {
  return draw({seed, RngPurpose::study, static_cast<std::uint64_t>(trial), draw_images}, count,
              std::min(batch, count));
}

PathSampler::PathSampler(const models::Network& network, const SampleOptions& options)
    : network_(network), options_(options) {
  require_paths(network.spec());
  for (const std::int64_t k : options.lengths) {
    if (k < 0 || k > network.block_count()) {
      fail(ErrorKind::usage, "--lengths-at {}: paths of '{}' have lengths 0 to {}", k,
           network.spec().arch, network.block_count());
    }
  }
}

std::vector<SampledNorm> PathSampler::run(const Tensor& images, const Tensor& labels,
                                          std::int64_t trial, std::int64_t slice,
                                          TensorPool& pool) {
  const std::int64_t blocks = network_.block_count(), count = images.dim(0);
  if (options_.batch_statistics) slice = count;
  std::vector<SampledNorm> norms;
  for (const std::int64_t k : options_.lengths) {
    norms.push_back({k, trial, 0, {}});
    if (options_.boundaries)
      norms.back().boundaries.assign(static_cast<std::size_t>(blocks + 1), 0);
  }
  const nn::Pass pass{.pool = pool, .batch_statistics = options_.batch_statistics, .keep = true};
  for (std::int64_t first = 0; first < count; first += slice) {
    const std::int64_t end = std::min(first + slice, count);
    GradientPass back(network_, pass, saved_, images.slice(first, end), labels.slice(first, end));
    for (SampledNorm& norm : norms) {
      const std::vector<std::int64_t> taken =
          sampled_blocks(blocks, norm.length, trial, options_.seed);
      const auto measure = [&](std::int64_t boundary, Tensor& d) {
        if (!options_.boundaries) return;
        norm.boundaries[static_cast<std::size_t>(boundary)] += sum_of_norms(d);
        if (back.activation(boundary).plain()) return;
        const Tensor masked = pool.take(d.shape(), d.dtype());
        masked.copy_from(d);
        ops::stack_mask(masked, back.activation(boundary), pass.stream);
        d = masked;
      };
      Tensor d = back.head(!options_.boundaries);
      measure(blocks, d);
      for (std::int64_t i = blocks - 1; i >= 0; --i) {
        const bool branch = std::binary_search(taken.begin(), taken.end(), i);
        d = back.block(i, d, branch ? nn::Gate{1, 0} : nn::Gate{0, 1}, !options_.boundaries);
        measure(i, d);
      }
      norm.norm += sum_of_norms(back.stem(d));
    }
  }
  for (SampledNorm& norm : norms) {
    norm.norm /= static_cast<double>(count);
    for (double& value : norm.boundaries) value /= static_cast<double>(count);
  }
  saved_.release();
  return norms;
}

std::vector<SampleSummary> summarize(const std::vector<SampledNorm>& norms) {
  std::map<std::int64_t, std::vector<double>> by_length;
  for (const SampledNorm& norm : norms) by_length[norm.length].push_back(norm.norm);
  std::vector<SampleSummary> summary;
  for (auto& [length, values] : by_length) {
    std::sort(values.begin(), values.end());
    const auto n = static_cast<double>(values.size());
    SampleSummary s;
    s.length = length;
    s.trials = static_cast<std::int64_t>(values.size());
    for (const double value : values) s.mean += value / n;
    double squares = 0;
    for (const double value : values) squares += (value - s.mean) * (value - s.mean);
    if (n > 1) s.standard_error = std::sqrt(squares / (n - 1) / n);
    s.first = quantile(values, 0.25);
    s.median = quantile(values, 0.5);
    s.third = quantile(values, 0.75);
    summary.push_back(s);
  }
  return summary;
}

}  // namespace rn::study
