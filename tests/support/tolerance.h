// How far an op may be from the double-precision reference: the largest error of an output, divided
// by the largest magnitude of that output's reference. The only place where a tolerance is set; an
// entry that is looser than the default carries the number that failed, and why.
#pragma once

#include <string>

#include "tensor/tensor.h"

namespace rn::test {

struct Tolerance {
  const char* op;
  double f32, f64, bf16;
};

inline constexpr Tolerance tolerances[] = {
    // The default: a few dozen roundings in f32, sums of thousands in f64; bf16: what is stored is
    // rounded once (2^-9), sums of products of rounded factors gain as much again.
    {"", 2e-6, 1e-12, 8e-3},
    // TV-L1: dozens of iterations, each of which takes up the roundings of the one before; 8.5e-6
    // in
    // f32 after three scales.
    {"flow", 3e-5, 1e-11, 8e-3},
};

inline double tolerance(const std::string& op, Dtype dtype) {
  const Tolerance* best = &tolerances[0];
  for (const Tolerance& entry : tolerances) {
    if (op == entry.op) best = &entry;
  }
  return dtype == Dtype::f32 ? best->f32 : dtype == Dtype::bf16 ? best->bf16 : best->f64;
}

// Of finite differences in f64 (step 1e-6, so rounding leaves about 1e-8 of the loss).
inline constexpr double gradient_tolerance = 2e-6;

}  // namespace rn::test
