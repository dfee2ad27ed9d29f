#include "study/ck_map.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "models/ck.h"
#include "ops/ck.h"

namespace rn::study {
namespace {

Tensor tensor_of(const std::vector<double>& values, std::int64_t columns) {
  const std::int64_t rows = static_cast<std::int64_t>(values.size()) / columns;
  Tensor tensor({rows, 1, 1, columns}, Dtype::f64, Tag::activation);
  std::copy(values.begin(), values.end(), tensor.data<double>());
  return tensor;
}

std::vector<double> values_of(const Tensor& tensor) {
  const auto span = tensor.span<double>();
  return {span.begin(), span.end()};
}

Tensor parameter(const models::Network& network, const std::string& name) {
  for (const auto& one : network.store().parameters()) {
    if (one->name == name) return one->value;
  }
  fail(ErrorKind::input, "'{}' has no {}", network.spec().arch, name);
}

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

const char* to_string(OutputMetric metric) {
  switch (metric) {
    case OutputMetric::euclidean: return "euclidean";
    case OutputMetric::logits: return "logits";
    case OutputMetric::fisher: return "fisher";
  }
  return "?";
}

OutputMetric parse_output_metric(const std::string& text) {
  for (const OutputMetric metric :
       {OutputMetric::euclidean, OutputMetric::logits, OutputMetric::fisher}) {
    if (text == to_string(metric)) return metric;
  }
  if (text == "class" || text == "prediction" || text == "error") {
    fail(ErrorKind::usage,
         "output metric '{}': a predicted class jumps and has no derivative, so no metric; "
         "fisher is that of the class probabilities",
         text);
  }
  fail(ErrorKind::usage, "output metric '{}' is unknown: euclidean, logits or fisher", text);
}

void softmax_fisher(const double* z, std::int64_t n, double* p, double* a) {
  const double most = *std::max_element(z, z + n);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += p[i] = std::exp(z[i] - most);
  for (std::int64_t i = 0; i < n; ++i) p[i] /= sum;
  if (!a) return;
  for (std::int64_t i = 0; i < n; ++i) {
    const double root = std::sqrt(p[i]);
    double others = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) others += p[j];
      a[i * n + j] = -root * p[j];
    }
    a[i * n + i] = root * others;
  }
}

std::vector<double> products(const std::vector<double>& a, const std::vector<double>& b,
                             std::int64_t count, std::int64_t m, std::int64_t k, std::int64_t n) {
  require(a.size() == at(count * m * k) && b.size() == at(count * k * n),
          "products: {} and {} numbers for {} x ({} x {} x {})", a.size(), b.size(), count, m, k,
          n);
  std::vector<double> c(at(count * m * n), 0);
  for (std::int64_t p = 0; p < count; ++p) {
    const double *x = a.data() + p * m * k, *y = b.data() + p * k * n;
    double* z = c.data() + p * m * n;
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t l = 0; l < k; ++l) {
        for (std::int64_t j = 0; j < n; ++j) z[i * n + j] += x[i * k + l] * y[l * n + j];
      }
    }
  }
  return c;
}

CkMap::CkMap(const models::Network& network, OutputMetric metric)
    : network_(network), metric_(metric) {
  const models::CkOptions options = models::ck_options(network.spec());
  require(network.dtype() == Dtype::f64, "CkMap: the network is of {}", to_string(network.dtype()));
  dl_ = options.dl;
  order_ = options.order;
  image_ = metric == OutputMetric::euclidean ? width() : network.spec().classes;
  weight_ = parameter(network, "head.linear.weight");
  bias_ = parameter(network, "head.linear.bias");
}

std::vector<std::vector<double>> CkMap::states(const std::vector<double>& points) const {
  const nn::Pass pass{.pool = pool_};
  models::Saved saved;
  std::vector<std::vector<double>> out;
  Tensor value = network_.enter(tensor_of(points, input()), pass, saved);
  out.push_back(values_of(value));
  for (std::int64_t layer = 0; layer < layers(); ++layer) {
    value = network_.forward(value, layer, layer + 1, pass, saved);
    out.push_back(values_of(value));
  }
  return out;
}

std::vector<double> CkMap::jacobians(std::int64_t layer, const std::vector<double>& states) const {
  const std::int64_t s = state(), n = static_cast<std::int64_t>(states.size()) / s;
  // A batch in which each state comes s times, with a unit vector each.
  std::vector<double> repeated, units(at(n * s * s), 0);
  repeated.reserve(at(n * s * s));
  for (std::int64_t p = 0; p < n; ++p) {
    for (std::int64_t i = 0; i < s; ++i) {
      repeated.insert(repeated.end(), states.begin() + p * s, states.begin() + (p + 1) * s);
      units[at((p * s + i) * s + i)] = 1;
    }
  }
  const nn::Pass pass{.pool = pool_};
  models::Saved saved;
  return values_of(
      network_.block_vjp(layer, tensor_of(repeated, s), tensor_of(units, s), {}, pass, saved));
}

std::vector<double> CkMap::push(std::int64_t layer, const std::vector<double>& states,
                                const std::vector<double>& tangents) const {
  const nn::Pass pass{.pool = pool_};
  models::Saved saved;
  return values_of(network_.block_jvp(layer, tensor_of(states, state()),
                                      tensor_of(tangents, state()), {}, pass, saved));
}

std::vector<double> CkMap::logits(const std::vector<double>& states) const {
  const nn::Pass pass{.pool = pool_};
  models::Saved saved;
  return values_of(network_.leave(tensor_of(states, state()), pass, saved));
}

std::vector<double> CkMap::output(const std::vector<double>& states) const {
  const std::int64_t s = state(), n = static_cast<std::int64_t>(states.size()) / s, m = image_;
  std::vector<double> out(at(n * m));
  if (metric_ == OutputMetric::euclidean) {
    for (std::int64_t p = 0; p < n; ++p) {
      std::copy_n(states.begin() + p * s, m, out.begin() + p * m);
    }
    return out;
  }
  const std::vector<double> z = logits(states);
  if (metric_ == OutputMetric::logits) return z;
  for (std::int64_t p = 0; p < n; ++p) {
    softmax_fisher(z.data() + p * m, m, out.data() + p * m, nullptr);
    for (std::int64_t i = 0; i < m; ++i) out[at(p * m + i)] = 2 * std::sqrt(out[at(p * m + i)]);
  }
  return out;
}

std::vector<double> CkMap::output_jacobians(const std::vector<double>& states) const {
  const std::int64_t s = state(), n = static_cast<std::int64_t>(states.size()) / s, m = image_,
                     d = width();
  std::vector<double> out(at(n * m * s), 0);
  if (metric_ == OutputMetric::euclidean) {
    for (std::int64_t p = 0; p < n; ++p) {
      for (std::int64_t i = 0; i < d; ++i) out[at((p * m + i) * s + i)] = 1;
    }
    return out;
  }
  const std::vector<double> z = logits(states);
  const double* w = weight_.data<double>();
  std::vector<double> p_of(at(m)), a(at(m * m), 0);
  for (std::int64_t i = 0; i < m; ++i) a[at(i * m + i)] = 1;
  for (std::int64_t p = 0; p < n; ++p) {
    if (metric_ == OutputMetric::fisher) {
      softmax_fisher(z.data() + p * m, m, p_of.data(), a.data());
    }
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t k = 0; k < m; ++k) {
        for (std::int64_t j = 0; j < d; ++j) {
          out[at((p * m + i) * s + j)] += a[at(i * m + k)] * w[k * d + j];
        }
      }
    }
  }
  return out;
}

std::vector<double> CkMap::values(const std::vector<double>& points) const {
  return output(states(points).back());
}

void CkMap::values_and_jacobians(const std::vector<double>& points, std::vector<double>& values,
                                 std::vector<double>& jacobians_) const {
  const std::vector<std::vector<double>> all = states(points);
  const std::int64_t s = state(), c = input(), d = width(), m = image_,
                     n = static_cast<std::int64_t>(points.size()) / c;
  values = output(all.back());
  std::vector<double> a = output_jacobians(all.back());
  for (std::int64_t layer = layers() - 1; layer >= 0; --layer) {
    a = products(a, jacobians(layer, all[at(layer)]), n, m, s, s);
  }
  // Through the lift: a point is in each vector of the first state.
  jacobians_.assign(at(n * m * c), 0);
  for (std::int64_t row = 0; row < n * m; ++row) {
    for (std::int64_t copy = 0; copy < copies(); ++copy) {
      for (std::int64_t j = 0; j < c; ++j) {
        jacobians_[at(row * c + j)] += a[at(row * s + copy * d + j)];
      }
    }
  }
}

}  // namespace rn::study
