#include <cuda_runtime.h>

#include "base/error.h"
#include "device/pinned.h"

namespace rn::cuda {

void* allocate_pinned(int index, std::size_t bytes) {
  void* memory = nullptr;
  if (cudaSetDevice(index) != cudaSuccess || cudaMallocHost(&memory, bytes) != cudaSuccess) {
    cudaGetLastError();
    return nullptr;
  }
  return memory;
}

void release_pinned(void* memory) noexcept { cudaFreeHost(memory); }

}  // namespace rn::cuda
