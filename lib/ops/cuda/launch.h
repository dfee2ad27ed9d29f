// Launching kernels: errors, streams, device memory that lives as long as its stream is used.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <map>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "device/buffer.h"
#include "tensor/tensor.h"

namespace rn::ops::cuda {

inline constexpr std::int64_t max_grid_yz = 65535;  // blocks along y and z

inline void check(cudaError_t status, const char* op) {
  if (status != cudaSuccess) {
    fail(ErrorKind::device, "{}: {}", op, cudaGetErrorString(status));
  }
}

// A plain function call, not <<<>>>: the same source compiles for the emulated device of the tests.
template <class... Parameters, class... Arguments>
void launch_with(const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                 std::size_t shared_bytes, Stream& stream, Arguments... arguments) {
  check(cudaSetDevice(stream.device().index), op);
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream.handle());
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), op);
}

template <class... Parameters, class... Arguments>
void launch(const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, Stream& stream,
            Arguments... arguments) {
  launch_with(op, kernel, grid, block, 0, stream, arguments...);
}

// Lets a kernel ask for up to `bytes` of shared memory.
template <class... Parameters>
void allow_shared(const char* op, void (*kernel)(Parameters...), std::size_t bytes) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(bytes)),
        op);
}

// At least `bytes` bytes on the stream's device for the kernels of one op; the next op on the
// stream may take them again, since work on a stream is in order. Grow-only: nothing is allocated
// once every shape has been seen. What was outgrown is kept, because captured graphs point to it.
inline void* scratch_bytes(Stream& stream, std::size_t bytes) {
  thread_local std::map<std::pair<int, void*>, std::vector<Buffer>> buffers;
  std::vector<Buffer>& own = buffers[{stream.device().index, stream.handle()}];
  if (own.empty() || own.back().bytes() < bytes) {
    const std::size_t twice = own.empty() ? std::size_t{1} << 20 : 2 * own.back().bytes();
    own.emplace_back(std::max(bytes, twice), Tag::workspace, stream.device());
  }
  return own.back().data();
}

template <class T>
T* scratch(Stream& stream, std::int64_t count) {
  return static_cast<T*>(scratch_bytes(stream, static_cast<std::size_t>(count) * sizeof(T)));
}

template <class T>
T* pointer(const Tensor& tensor) {
  return tensor ? static_cast<T*>(tensor.raw()) : nullptr;
}

}  // namespace rn::ops::cuda
