// A CUDA runtime without a GPU, for tests: what lib/*/cuda uses of <cuda_runtime.h>, so that the
// very same sources compile with g++ and run on the CPU. The emulated library (lib/CMakeLists.txt,
// resnet_emulated) finds this header in the place of the toolkit's.
//
// The threads of a block are fibers of the calling thread; blocks run one after the other. Device
// memory is host memory, filled with garbage when allocated; streams run at once, or record while
// a graph is captured. Environment:
//   RN_EMU_ORDER=forward|reverse|shuffle  in which order threads and blocks get their turn
//   RN_EMU_RACES=1    look for unsynchronised accesses of threads to the same memory (races.cpp)
//   RN_EMU_MEMORY=N   bytes of the device; more is refused as on a full GPU
#pragma once

#include <math.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __restrict__ __restrict
#define __forceinline__ inline

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned of_x = 1, unsigned of_y = 1, unsigned of_z = 1)
      : x(of_x), y(of_y), z(of_z) {}
};

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidDevice = 101,
  cudaErrorStreamCaptureUnsupported = 900,
};

namespace cuda_emu {

struct Stream;
struct Graph;
struct Event;

extern void* dynamic_shared;

void barrier();
// All lanes of the warp meet; `all` is called once with what each brought, then all go on.
void meet(void* mine, void (*all)(void** lanes, int count));
// The running thread reads or writes memory (races.cpp).
void touch(const void* memory, std::size_t bytes, bool write);

cudaError_t run(const std::function<void()>& thread, dim3 grid, dim3 block, std::size_t shared,
                Stream* stream);

}  // namespace cuda_emu

extern dim3 threadIdx, blockIdx, blockDim, gridDim;
inline void __syncthreads() { ::cuda_emu::barrier(); }

using std::isfinite;
template <class T>
__attribute__((no_sanitize_thread)) T atomicMin(T* at, T value) {  // no race, whoever comes first
  const T before = *at;
  if (value < before) *at = value;
  return before;
}

using cudaStream_t = cuda_emu::Stream*;
using cudaGraph_t = cuda_emu::Graph*;
using cudaGraphExec_t = cuda_emu::Graph*;
using cudaEvent_t = cuda_emu::Event*;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
constexpr unsigned cudaStreamNonBlocking = 1;
constexpr unsigned cudaEventDisableTiming = 2;

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  void* attrs;
  unsigned numAttrs;
};

struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  std::size_t totalGlobalMem, sharedMemPerBlockOptin;
};

const char* cudaGetErrorString(cudaError_t status);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaSetDevice(int index);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int index);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaMalloc(void** memory, std::size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMallocHost(void** memory, std::size_t bytes);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int) {
  return cudaSuccess;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  return cuda_emu::run([=] { kernel(static_cast<Parameters>(arguments)...); }, config->gridDim,
                       config->blockDim, config->dynamicSmemBytes, config->stream);
}
