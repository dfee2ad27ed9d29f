// The CUDA half of lib/device: allocation, streams, copies. Runtime linked statically, so that this
// build starts on machines without a driver and only fails when a GPU is asked for.
#include <cuda_runtime.h>

#include "base/error.h"
#include "device/device.h"

namespace rn::cuda {
namespace {

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    fail(ErrorKind::device, "{}: {}", what, cudaGetErrorString(status));
  }
}

}  // namespace

bool built() { return true; }

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();  // no driver is no error: clear it
    return 0;
  }
  return count;
}

std::string description(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  int driver = 0, runtime = 0;
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  const auto version = [](int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); };
  return fmt::format("{} (sm_{}{}, {} MiB; driver {}, runtime {})", properties.name,
                     properties.major, properties.minor, properties.totalGlobalMem >> 20,
                     version(driver), version(runtime));
}

void* allocate(int index, std::size_t bytes) {
  check(cudaSetDevice(index), "cudaSetDevice");
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check(status, "cudaMalloc");
  return memory;
}

void release(int index, void* memory) noexcept {
  cudaSetDevice(index);
  cudaFree(memory);
}

void* stream_create(int index) {
  check(cudaSetDevice(index), "cudaSetDevice");
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
  return stream;
}

void stream_destroy(int index, void* handle) noexcept {
  cudaSetDevice(index);
  cudaStreamDestroy(static_cast<cudaStream_t>(handle));
}

void stream_synchronize(int index, void* handle) {
  check(cudaSetDevice(index), "cudaSetDevice");
  check(cudaStreamSynchronize(static_cast<cudaStream_t>(handle)), "cudaStreamSynchronize");
}

void zero_async(void* memory, std::size_t bytes, void* handle) {
  check(cudaMemsetAsync(memory, 0, bytes, static_cast<cudaStream_t>(handle)), "cudaMemsetAsync");
}

void copy_async(void* to, bool to_cuda, const void* from, bool from_cuda, std::size_t bytes,
                void* handle) {
  const cudaMemcpyKind kind = to_cuda
                                  ? (from_cuda ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice)
                                  : cudaMemcpyDeviceToHost;
  check(cudaMemcpyAsync(to, from, bytes, kind, static_cast<cudaStream_t>(handle)),
        "cudaMemcpyAsync");
}

void capture_begin(int index, void* handle) {
  check(cudaSetDevice(index), "cudaSetDevice");
  check(cudaStreamBeginCapture(static_cast<cudaStream_t>(handle), cudaStreamCaptureModeThreadLocal),
        "cudaStreamBeginCapture");
}

void* capture_end(void* handle) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(static_cast<cudaStream_t>(handle), &graph), "cudaStreamEndCapture");
  cudaGraphExec_t exec = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
  return exec;
}

void capture_drop(void* handle) noexcept {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(static_cast<cudaStream_t>(handle), &graph) == cudaSuccess && graph) {
    cudaGraphDestroy(graph);
  }
  cudaGetLastError();
}

void graph_launch(int index, void* graph, void* handle) {
  check(cudaSetDevice(index), "cudaSetDevice");
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), static_cast<cudaStream_t>(handle)),
        "cudaGraphLaunch");
}

void graph_destroy(int index, void* graph) noexcept {
  cudaSetDevice(index);
  cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}

}  // namespace rn::cuda
