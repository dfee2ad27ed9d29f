// Tiny reversible networks, and what their tests compare.
#pragma once

#include <cstring>
#include <vector>

#include "models/catalog.h"
#include "models/tiny_networks.h"

namespace rn::test {

// Three stages of `units` blocks on images of 8x8.
inline models::NetworkSpec tiny_revnet(bool bottleneck, std::int64_t units = 2) {
  models::ArchOptions options;
  options.height = options.width = 8;
  options.channels = 2;
  options.classes = 3;
  options.units = {units, units, units};
  options.widths = {4, 4, 8, 12};
  return models::make_arch(bottleneck ? "revnet164-cifar" : "revnet38-cifar", options);
}

// What a training step leaves: gradients, running statistics, logits.
struct Left {
  std::vector<Tensor> gradients, states;
  Tensor logits;
};

inline bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}
inline bool same_bytes(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bytes(a[i], b[i])) return false;
  }
  return a.size() == b.size();
}

// Networks of one table and seed, run in several ways.
class Runs {
 public:
  Runs(models::NetworkSpec spec, Dtype dtype, std::int64_t images = 5)
      : spec_(std::move(spec)), dtype_(dtype), count_(images) {}

  // `set` changes the pass and the network before the step.
  template <class F>
  Left step(F&& set) const {
    Network network(spec_, dtype_);
    network.initialize(3);
    network.store().require_gradients();
    TensorPool pool;
    models::Saved saved;
    nn::Pass pass{.pool = pool, .batch_statistics = true, .keep = true};
    set(pass, network);
    const Shape shape{count_, spec_.height, spec_.width, spec_.channels};
    const Tensor images = random_tensor(shape, 1).cast(dtype_, Tag::input);
    const Tensor logits = network.forward(images, pass, saved);
    Left left;
    left.logits = logits.clone();
    network.backward(random_tensor(logits.shape(), 2).cast(logits.dtype(), Tag::input), pass,
                     saved);
    network.commit(saved);
    for (const auto& p : network.store().parameters()) left.gradients.push_back(p->gradient);
    for (const auto& s : network.store().states()) left.states.push_back(s->value);
    return left;
  }
  Left stored(double grid = 0) const {
    return step([&](nn::Pass& pass, Network&) { pass.grid = grid; });
  }
  Left reversible(double grid = 0) const {
    return step([&](nn::Pass& pass, Network&) {
      pass.reversible = true;
      pass.grid = grid;
    });
  }
  Left checkpointed(std::int64_t segment, double grid = 0) const {
    return step([&](nn::Pass& pass, Network& network) {
      network.checkpoints = {segment};
      pass.grid = grid;
    });
  }

 private:
  models::NetworkSpec spec_;
  Dtype dtype_;
  std::int64_t count_;
};

// Of all gradients as one vector, in degrees: exact for small angles.
inline double angle(const Left& a, const Left& b) {
  const auto values = [](const Left& left) {
    std::vector<double> all;
    double squares = 0;
    for (const Tensor& gradient : left.gradients) {
      const Tensor wide = gradient.cast(Dtype::f64, Tag::workspace);
      for (const double x : wide.span<double>()) {
        all.push_back(x);
        squares += x * x;
      }
    }
    for (double& x : all) x /= std::sqrt(squares);
    return all;
  };
  const std::vector<double> u = values(a), v = values(b);
  double squares = 0;
  for (std::size_t i = 0; i < u.size(); ++i) squares += (u[i] - v[i]) * (u[i] - v[i]);
  return 2 * std::asin(std::min(1.0, std::sqrt(squares) / 2)) * 180 / 3.14159265358979323846;
}

// Largest difference of gradients, relative to the largest of each tensor.
inline double relative_difference(const Left& a, const Left& b) {
  double worst = 0;
  for (std::size_t k = 0; k < a.gradients.size(); ++k) {
    double most = 0, difference = 0;
    const auto x = a.gradients[k].span<double>(), y = b.gradients[k].span<double>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      most = std::max(most, std::abs(x[i]));
      difference = std::max(difference, std::abs(x[i] - y[i]));
    }
    if (most > 0) worst = std::max(worst, difference / most);
  }
  return worst;
}

}  // namespace rn::test
