// Kernels over elements that have nothing to do with one another: body(i) for i = 0 .. size - 1.
#pragma once

#include "ops/cuda/launch.h"

namespace rn::ops::cuda {

template <class Body>
__global__ void elements_kernel(std::int64_t size, Body body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    body(i);
  }
}

// Body: a struct of what the kernel needs, with a __device__ operator()(i) const.
template <class Body>
void launch_elements(const char* op, std::int64_t size, const Body& body, Stream& stream) {
  if (size == 0) return;
  const std::int64_t blocks = std::min<std::int64_t>((size + 255) / 256, 4096);
  launch(op, elements_kernel<Body>, dim3(static_cast<unsigned>(blocks)), dim3(256), stream, size,
         body);
}

}  // namespace rn::ops::cuda
