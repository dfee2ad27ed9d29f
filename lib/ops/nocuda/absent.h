// Twins of ops that have no CUDA kernel in this build.
#pragma once

#include "base/error.h"
#include "device/device.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {

[[noreturn]] inline void absent(const char* op) {
  if (!rn::cuda::built()) fail(ErrorKind::device, "{}: built without CUDA", op);
  fail(ErrorKind::device, "{}: has no CUDA kernel yet; run with --device cpu", op);
}

}  // namespace rn::ops::cuda

// RN_ABSENT(result, op, parameter types): defines the twin.
#define RN_ABSENT(result, op, ...) \
  result op(__VA_ARGS__) { absent(#op); }
