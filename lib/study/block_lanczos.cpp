#include "study/block_lanczos.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "base/rng.h"
#include "ops/lapack.h"

namespace rn::study {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
using Vector = std::vector<double>;
using Basis = std::vector<Vector>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Takes out what lies in the basis, twice ("twice is enough"), and returns the length of the rest,
// which becomes a unit vector; 0 (and zeros) where nothing but rounding is left.
double orthonormal(Vector& x, const Basis& basis, double scale) {
  for (int round = 0; round < 2; ++round) {
    for (const Vector& b : basis) {
      const double by = dot(x, b);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] -= by * b[i];
    }
  }
  const double length = std::sqrt(dot(x, x));
  const bool gone = !(length > 1e-10 * scale);
  for (double& value : x) value = gone ? 0 : value / length;
  return gone ? 0 : length;
}

// One image's: J V = U B, with B upper bidiagonal (alpha on the diagonal, beta above it).
struct One {
  Basis u, v;
  Vector alpha, beta, next;  // next: the vector that the following product is of
  bool done = false;
};

Tensor tensor_of(const std::vector<One>& all, const Tensor& like) {
  Tensor out(like.shape(), like.dtype(), Tag::activation);
  const std::int64_t size = like.size() / like.dim(0);
  with_float(like.dtype(), "lanczos", [&]<class T>() {
    for (std::size_t n = 0; n < all.size(); ++n) {
      T* to = out.data<T>() + static_cast<std::int64_t>(n) * size;
      for (std::int64_t i = 0; i < size; ++i) to[i] = static_cast<T>(all[n].next[at(i)]);
    }
  });
  return out.on(like.device());
}

Vector piece_of(const Tensor& from, std::int64_t n) {
  const std::int64_t size = from.size() / from.dim(0);
  Vector out(at(size));
  with_float(from.dtype(), "lanczos", [&]<class T>() {
    const T* x = from.data<T>() + n * size;
    for (std::int64_t i = 0; i < size; ++i) out[at(i)] = static_cast<double>(x[i]);
  });
  return out;
}

void finish(const One& one, const LanczosOptions& options, LanczosResult& out, std::int64_t n) {
  const auto steps = static_cast<std::int64_t>(one.alpha.size());
  if (steps == 0) return;
  Vector b(at(steps * steps), 0), right, left;
  for (std::int64_t k = 0; k < steps; ++k) {
    b[at(k * steps + k)] = one.alpha[at(k)];
    if (k + 1 < steps) b[at(k * steps + k + 1)] = one.beta[at(k)];
  }
  const Vector values = ops::singular_values(b, steps, steps, &right, &left);
  for (std::int64_t k = 0; k < std::min(options.values, steps); ++k) {
    out.values[at(n * options.values + k)] = values[at(k)];
    // What the next row of B would add.
    out.residuals[at(n * options.values + k)] =
        one.beta.back() * std::abs(left[at(k * steps + steps - 1)]);
  }
}

}  // namespace

LanczosResult block_singular_values(const models::Network& network, std::int64_t place,
                                    const Tensor& x, const LanczosOptions& options,
                                    TensorPool& pool, std::int64_t first) {
  const std::int64_t images = x.dim(0), size = x.size() / images;
  require(options.values >= 1 && options.steps >= options.values, "lanczos: {} values in {} steps",
          options.values, options.steps);
  const nn::Pass pass{.pool = pool};
  models::Saved saved;
  std::vector<One> all(at(images));
  for (std::int64_t n = 0; n < images; ++n) {
    Rng rng(options.seed, RngPurpose::study, static_cast<std::uint64_t>(first + n),
            static_cast<std::uint64_t>(place) << 8 | 0xfe);
    Vector& v = all[at(n)].next;
    for (std::int64_t i = 0; i < size; ++i) v.push_back(rng.normal());
    orthonormal(v, {}, 0);
  }
  const std::int64_t steps = std::min(options.steps, size);
  for (std::int64_t step = 0; step < steps; ++step) {
    const Tensor along = network.block_jvp(place, x, tensor_of(all, x), {}, pass, saved);
    const Tensor forward = along.on(cpu);
    // u := J v - beta u_before
    parallel_for(static_cast<int>(images), [&](int n) {
      One& one = all[at(n)];
      if (one.done) return;
      Vector u = piece_of(forward, n);
      const double scale = std::sqrt(dot(u, u));
      one.v.push_back(std::move(one.next));
      const double alpha = orthonormal(u, one.u, scale);
      one.alpha.push_back(alpha);
      one.next = u;
      one.u.push_back(std::move(u));
    });
    for (std::int64_t n = 0; n < images; ++n) {
      if (all[at(n)].done) all[at(n)].next.assign(at(forward.size() / images), 0);
    }
    const Tensor rows = tensor_of(all, along);
    const Tensor back = network.block_vjp(place, x, rows, {}, pass, saved).on(cpu);
    // v := J'u - alpha v_before
    parallel_for(static_cast<int>(images), [&](int n) {
      One& one = all[at(n)];
      if (one.done) {
        one.next.assign(at(size), 0);
        return;
      }
      Vector v = piece_of(back, n);
      const double beta = orthonormal(v, one.v, std::max(std::sqrt(dot(v, v)), one.alpha.back()));
      one.beta.push_back(beta);
      one.next = std::move(v);
      one.done = beta == 0;
      if (one.done) one.next.assign(at(size), 0);
    });
  }
  LanczosResult out;
  out.values.assign(at(images * options.values), 0);
  out.residuals = out.values;
  for (std::int64_t n = 0; n < images; ++n) finish(all[at(n)], options, out, n);
  return out;
}

}  // namespace rn::study
