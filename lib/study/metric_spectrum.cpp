#include "study/metric_spectrum.h"

#include <cmath>

#include "base/parallel.h"
#include "ops/lapack.h"

namespace rn::study {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

Shape stacked(Shape one, std::int64_t count) {
  one[0] *= count;
  return one;
}

// A K A', [m, m], for a [m, n] and k [n, n].
std::vector<double> congruent(const double* a, const double* k, std::int64_t m, std::int64_t n) {
  std::vector<double> ak(at(m * n), 0), out(at(m * m), 0);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t l = 0; l < n; ++l) {
      for (std::int64_t j = 0; j < n; ++j) ak[at(i * n + j)] += a[i * n + l] * k[l * n + j];
    }
  }
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = i; j < m; ++j) {
      double sum = 0;
      for (std::int64_t l = 0; l < n; ++l) sum += ak[at(i * n + l)] * a[j * n + l];
      out[at(i * m + j)] = out[at(j * m + i)] = sum;
    }
  }
  return out;
}

}  // namespace

void ImageSpectra::start(std::int64_t images_, std::int64_t boundaries_, std::int64_t classes_) {
  images = images_;
  boundaries = boundaries_;
  classes = classes_;
  eigenvalues.assign(at(images * boundaries * classes), 0);
  trace.assign(at(images * boundaries), 0);
  effective_rank = log_volume = trace;
  rank.assign(at(images * boundaries), 0);
  answer.assign(at(images), 0);
  confidence.assign(at(images), 0);
}

MetricSpectrum::MetricSpectrum(const models::Network& network, OutputMetric metric, double floor)
    : network_(network),
      metric_(metric),
      floor_(floor),
      blocks_(network.block_count()),
      classes_(network.spec().classes),
      products_(metric == OutputMetric::fisher ? classes_ - 1 : classes_) {
  const models::NetworkSpec& spec = network.spec();
  if (classes_ < 2) fail(ErrorKind::input, "'{}' has one class: nothing to tell apart", spec.arch);
  for (const nn::BlockSpec& block : spec.blocks) {
    if (block.kind != nn::BlockKind::basic && block.kind != nn::BlockKind::bottleneck) {
      fail(ErrorKind::input,
           "'{}': the metric goes back through residual blocks; '{}' is of kind {}", spec.arch,
           block.name, to_string(block.kind));
    }
  }
  shapes_ = models::boundary_shapes(spec);
}

std::vector<std::string> MetricSpectrum::names() const {
  std::vector<std::string> list{"input"};
  for (const nn::BlockSpec& block : network_.spec().blocks) list.push_back(block.name);
  list.emplace_back("head");
  return list;
}

std::vector<std::int64_t> MetricSpectrum::sizes() const {
  const models::NetworkSpec& spec = network_.spec();
  std::vector<std::int64_t> list{spec.height * spec.width * spec.channels};
  for (const Shape& shape : shapes_) list.push_back(element_count(shape));
  return list;
}

std::int64_t MetricSpectrum::elements() const {
  const models::NetworkSpec& spec = network_.spec();
  const std::int64_t images = spec.height * spec.width * spec.channels;
  std::int64_t most = element_count(shapes_[0]) + images;
  for (std::int64_t i = 0; i < blocks_; ++i) {
    const Shape& in = shapes_[at(i)];
    most = std::max(most, element_count(shapes_[at(i + 1)]) + element_count(in) +
                              network_.block(i).stack_elements(in[1], in[2]));
  }
  return products_ * most;
}

void MetricSpectrum::take(const Tensor& stack, std::int64_t boundary, ImageSpectra& out,
                          std::int64_t first) {
  const std::int64_t c = classes_, k = products_;
  Tensor products({images_, k, k}, Dtype::f64, Tag::workspace, stack.device());
  ops::stack_gram(stack, images_, products, default_stream(stack.device()));
  gram_ = products.on(cpu);
  const double* gram = gram_.data<double>();
  parallel_for(static_cast<int>(images_), [&](int n) {
    std::vector<double> values =
        ops::symmetric_eigenvalues(congruent(roots_.data() + n * c * k, gram + n * k * k, c, k), c);
    const std::int64_t cell = (first + n) * out.boundaries + boundary;
    double trace = 0, entropy = 0, volume = 0;
    std::int64_t rank = 0;
    for (double& value : values) {
      value = std::max(value, 0.0);  // rounding may leave a zero below it
      trace += value;
      if (value > floor_ * values[0] && value > 0) {
        ++rank;
        volume += std::log(value) / 2;
      }
    }
    for (const double value : values) {
      if (value > 0) entropy -= value / trace * std::log(value / trace);
    }
    std::copy(values.begin(), values.end(), out.eigenvalues.begin() + cell * c);
    out.trace[at(cell)] = trace;
    out.effective_rank[at(cell)] = trace > 0 ? std::exp(entropy) : 0;
    out.log_volume[at(cell)] = volume;
    out.rank[at(cell)] = rank;
  });
}

// The leading eigenvector of J'A'AJ is J'A'u / |J'A'u| for that of A JJ' A'.
void MetricSpectrum::take_vectors(const Tensor& of_device, ImageSpectra& out, std::int64_t first) {
  const Tensor stack = of_device.on(cpu);
  const std::int64_t c = classes_, count = products_, size = stack.size() / stack.dim(0);
  out.eigenvectors.resize(at(out.vectors * size));
  for (std::int64_t n = 0; n < images_ && first + n < out.vectors; ++n) {
    const double *gram = gram_.data<double>() + n * count * count,
                 *a = roots_.data() + n * c * count;
    std::vector<double> vectors, weights(at(count), 0);
    ops::symmetric_eigenvalues(congruent(a, gram, c, count), c, &vectors);
    for (std::int64_t i = 0; i < c; ++i) {
      for (std::int64_t j = 0; j < count; ++j) weights[at(j)] += a[i * count + j] * vectors[at(i)];
    }
    double* to = out.eigenvectors.data() + (first + n) * size;
    std::fill_n(to, size, 0.0);
    with_float(stack.dtype(), "metric spectrum", [&]<class T>() {
      for (std::int64_t j = 0; j < count; ++j) {
        const T* g = stack.data<T>() + (j * images_ + n) * size;
        for (std::int64_t i = 0; i < size; ++i) {
          to[i] += weights[at(j)] * static_cast<double>(g[i]);
        }
      }
    });
    double squares = 0, most = 0;
    for (std::int64_t i = 0; i < size; ++i) {
      squares += to[i] * to[i];
      if (std::abs(to[i]) > std::abs(most)) most = to[i];
    }
    const double by = squares > 0 ? (most < 0 ? -1 : 1) / std::sqrt(squares) : 0;
    for (std::int64_t i = 0; i < size; ++i) to[i] *= by;
  }
}

void MetricSpectrum::run(const Tensor& images, TensorPool& pool, ImageSpectra& out,
                         std::int64_t first) {
  const nn::Pass pass{.pool = pool, .keep = true};
  const models::NetworkSpec& spec = network_.spec();
  const std::int64_t c = classes_, count = products_;
  images_ = images.dim(0);
  const Tensor logits = network_.forward(images, pass, saved_).on(cpu);
  const bool fisher = metric_ == OutputMetric::fisher;
  roots_.assign(at(images_ * c * count), 0);
  std::vector<double> z(at(c)), p(at(c)), root(at(c * c));
  with_float(logits.dtype(), "metric spectrum", [&]<class T>() {
    const T* values = logits.data<T>();
    for (std::int64_t n = 0; n < images_; ++n) {
      for (std::int64_t k = 0; k < c; ++k) {
        z[at(k)] = static_cast<double>(values[n * c + k]);
        if (!std::isfinite(z[at(k)])) {
          fail(ErrorKind::numeric, "'{}': the logits of an image are not finite", spec.arch);
        }
      }
      softmax_fisher(z.data(), c, p.data(), root.data());
      for (std::int64_t i = 0; i < c; ++i) {
        for (std::int64_t j = 0; j < count; ++j) {
          roots_[at((n * c + i) * count + j)] = fisher ? root[at(i * c + j)] : i == j;
        }
      }
      const auto best = std::max_element(p.begin(), p.end());
      out.answer[at(first + n)] = best - p.begin();
      out.confidence[at(first + n)] = *best;
    }
  });

  arena_.reserve(elements() * images_, network_.dtype(), pool.device());
  arena_.flip();
  Tensor g = arena_.take_out(stacked(shapes_[at(blocks_)], count * images_));
  const Tensor unit(logits.shape(), logits.dtype(), Tag::activation);
  std::vector<ops::StackRow> rows;
  for (std::int64_t k = 0; k < count; ++k) {
    rows.push_back({k, k});
    unit.zero();
    with_float(unit.dtype(), "metric spectrum", [&]<class T>() {
      T* seeds = unit.data<T>();
      for (std::int64_t n = 0; n < images_; ++n) {
        seeds[n * c + k] = T(1);
        if (fisher) seeds[n * c + c - 1] = T(-1);
      }
    });
    g.slice(k * images_, (k + 1) * images_)
        .copy_from(nn::materialize(
            network_.head_backward(unit.on(pool.device()), pass, saved_, false), pass));
  }
  const auto at_boundary = [&](std::int64_t i) {
    take(g, i + 1, out, first);
    const ops::Operand& activation =
        i == blocks_ ? saved_.last.value : saved_.blocks[at(i)].in.value;
    ops::stack_mask(g, activation, pass.stream);
  };
  at_boundary(blocks_);
  for (std::int64_t i = blocks_ - 1; i >= 0; --i) {
    arena_.flip();
    g = network_.block(i).backward_stack(g, rows, false, pass, saved_.blocks[at(i)], arena_,
                                         nullptr);
    at_boundary(i);
  }
  arena_.flip();
  const Tensor d_images =
      arena_.take_out({count * images_, spec.height, spec.width, spec.channels});
  network_.stem_stack(g, d_images, pass, saved_);
  take(d_images, 0, out, first);
  if (first < out.vectors) take_vectors(d_images, out, first);
  saved_.release();
}

}  // namespace rn::study
