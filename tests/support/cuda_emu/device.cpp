// Memory, streams and graphs of the emulated device.
#include "device.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "cuda_runtime.h"
#include "fibers.h"

namespace cuda_emu {

struct Graph {
  std::vector<std::function<void()>> nodes;
  std::vector<Stream*> streams;  // that have joined the capture
  int handles = 1;
};
struct Stream {
  Graph* capturing = nullptr;
};
// Streams run at once, so all that an event hands on is that a graph is being captured.
struct Event {
  Graph* capturing = nullptr;
};

namespace {

struct Memory {
  std::mutex mutex;
  std::map<const char*, std::size_t> blocks;
  std::size_t used = 0, most = std::size_t{1} << 34;
  Memory() {
    if (const char* limit = std::getenv("RN_EMU_MEMORY")) most = std::strtoull(limit, nullptr, 10);
  }
};
Memory& memory() {
  static Memory* m = new Memory;
  return *m;
}

const char *seen_first = nullptr, *seen_last = nullptr;  // the block asked for last
int captures = 0;  // allocation and waiting are errors while a graph is captured, as on a GPU

void drop(Graph* graph) {
  if (--graph->handles == 0) delete graph;
}

}  // namespace

void submit(Stream* stream, std::function<void()> work) {
  if (stream && stream->capturing) {
    stream->capturing->nodes.push_back(std::move(work));
  } else {
    work();
  }
}

bool is_device_memory(const void* at) {
  Memory& m = memory();
  const auto* address = static_cast<const char*>(at);
  if (address >= seen_first && address < seen_last) return true;
  const std::lock_guard lock(m.mutex);
  auto it = m.blocks.upper_bound(address);
  if (it == m.blocks.begin()) return false;
  --it;
  if (address >= it->first + it->second) return false;
  seen_first = it->first;
  seen_last = it->first + it->second;
  return true;
}

}  // namespace cuda_emu

using namespace cuda_emu;

const char* cudaGetErrorString(cudaError_t status) {
  switch (status) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    default: return "invalid argument";
  }
}

cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int index) { return index == 0 ? cudaSuccess : cudaErrorInvalidDevice; }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "emulated");
  properties->major = 9;
  properties->multiProcessorCount = 1;
  properties->totalGlobalMem = memory().most;
  properties->sharedMemPerBlockOptin = shared_bytes_of_block;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 0;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** to, std::size_t bytes) {
  if (captures > 0) return cudaErrorStreamCaptureUnsupported;
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  if (bytes > m.most - m.used) return cudaErrorMemoryAllocation;
  const std::size_t rounded = (bytes + 255) / 256 * 256;
  auto* at = static_cast<char*>(std::aligned_alloc(256, rounded));
  if (!at) return cudaErrorMemoryAllocation;
  std::memset(at, 0xff, rounded);  // NaN: what is read before it is written shows
  m.blocks[at] = bytes;
  m.used += bytes;
  *to = at;
  return cudaSuccess;
}

cudaError_t cudaFree(void* at) {
  if (!at) return cudaSuccess;
  if (captures > 0) {  // an error on a GPU, and memory that is lost: nobody looks
    std::fputs("cudaFree while a graph is captured\n", stderr);
    std::abort();
  }
  Memory& m = memory();
  const std::lock_guard lock(m.mutex);
  const auto it = m.blocks.find(static_cast<char*>(at));
  if (it == m.blocks.end()) return cudaErrorInvalidValue;
  seen_first = seen_last = nullptr;
  m.used -= it->second;
  m.blocks.erase(it);
  std::free(at);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** to, std::size_t bytes) {
  *to = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  return *to ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void* at) {
  std::free(at);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = memory().most - memory().used;
  *total = memory().most;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new Stream;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return stream && stream->capturing ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new Event;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->capturing = stream->capturing;
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (event->capturing && !stream->capturing) {
    stream->capturing = event->capturing;
    event->capturing->streams.push_back(stream);
  }
  return stream->capturing == event->capturing ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
}

cudaError_t cudaMemsetAsync(void* at, int value, std::size_t bytes, cudaStream_t stream) {
  submit(stream, [=] { std::memset(at, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  // Device pointers must be of the device: host memory handed over by mistake shows here.
  const bool to_device = kind != cudaMemcpyDeviceToHost;
  const bool from_device = kind != cudaMemcpyHostToDevice;
  if (is_device_memory(to) != to_device || is_device_memory(from) != from_device) {
    return cudaErrorInvalidValue;
  }
  submit(stream, [=] { std::memmove(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (!stream || stream->capturing) return cudaErrorInvalidValue;
  stream->capturing = new Graph;
  ++captures;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (!stream || !stream->capturing) return cudaErrorInvalidValue;
  *graph = std::exchange(stream->capturing, nullptr);
  for (Stream* joined : std::exchange((*graph)->streams, {})) joined->capturing = nullptr;
  --captures;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  ++graph->handles;
  *exec = graph;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  if (stream->capturing) return cudaErrorStreamCaptureUnsupported;
  for (const auto& node : exec->nodes) node();
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  drop(graph);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  drop(exec);
  return cudaSuccess;
}
