// Singular values of single blocks' Jacobians, I + J_f for an identity shortcut, at an image's
// value there: Golub and Kahan's bidiagonalisation with vector-Jacobian and Jacobian-vector
// products and full reorthogonalisation, for many images side by side. Statistics are frozen; a
// ReLU behind the addition belongs to the block.
#pragma once

#include <cstdint>
#include <vector>

#include "models/network.h"

namespace rn::study {

struct LanczosOptions {
  std::int64_t values = 5;  // leading singular values wanted
  std::int64_t steps = 20;  // products with J and with J'
  std::uint64_t seed = 1;   // of the starting vectors
};

struct LanczosResult {
  std::vector<double> values;     // [N, values], largest first
  std::vector<double> residuals;  // [N, values]: |J'u - s v|, a bound on the error of s
};

// Of the block at `place` at boundary values x [N, H, W, C]. Fewer steps than dimensions are taken
// where a Krylov space ends. `first`: number of the first image, for the random start.
LanczosResult block_singular_values(const models::Network& network, std::int64_t place,
                                    const Tensor& x, const LanczosOptions& options,
                                    TensorPool& pool, std::int64_t first = 0);

}  // namespace rn::study
