// Launching kernels: errors, streams, device memory that lives as long as its stream is used.
#pragma once

#include <cuda_runtime.h>

#include <map>
#include <utility>

#include "device/buffer.h"
#include "tensor/tensor.h"

namespace rn::ops::cuda {

inline void check(cudaError_t status, const char* op) {
  if (status != cudaSuccess) {
    fail(ErrorKind::device, "{}: {}", op, cudaGetErrorString(status));
  }
}

template <class... Parameters, class... Arguments>
void launch(const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, Stream& stream,
            Arguments... arguments) {
  check(cudaSetDevice(stream.device().index), op);
  kernel<<<grid, block, 0, static_cast<cudaStream_t>(stream.handle())>>>(
      static_cast<Parameters>(arguments)...);
  check(cudaGetLastError(), op);
}

// At least `bytes` bytes on the stream's device for the kernels of one op; the next op on the
// stream may take them again, since work on a stream is in order. Grow-only: nothing is allocated
// once every shape has been seen.
inline void* scratch_bytes(Stream& stream, std::size_t bytes) {
  thread_local std::map<std::pair<int, void*>, Buffer> buffers;
  Buffer& buffer = buffers[{stream.device().index, stream.handle()}];
  if (buffer.bytes() < bytes) {
    buffer = Buffer();  // waits for the device, so no kernel still uses it
    buffer = Buffer(bytes, Tag::workspace, stream.device());
  }
  return buffer.data();
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
