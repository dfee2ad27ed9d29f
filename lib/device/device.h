// Devices, streams and copies. The CUDA half lives in cuda/, its throwing twin in nocuda/: which of
// the two is built decides, no #ifdef does.
#pragma once

#include <cstddef>
#include <string>

namespace rn {

enum class DeviceKind { cpu, cuda };

struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;
  bool operator==(const Device&) const = default;
  bool is_cpu() const { return kind == DeviceKind::cpu; }
};

inline constexpr Device cpu{};

std::string to_string(Device device);  // "cpu", "cuda:0"
// With what it is: "cpu", "cuda:0 NVIDIA H200 (sm_90, 143167 MiB; driver 13.0, runtime 13.0)".
std::string describe(Device device);

// "auto" (a GPU when this build and this machine have one, else the CPU), "cpu", "cuda", "cuda:N".
// Errors: usage for another word, device when the GPU asked for is absent.
Device parse_device(const std::string& text);

// What the CPU is: instruction set as the kernels see it ("avx2", "avx512_core", ...) is reported
// by lib/ops; this is the model name, for provenance.
std::string cpu_name();

// An in-order queue of work on one device. On the CPU work is done when the call returns, so
// synchronize() has nothing to wait for.
class Stream {
 public:
  explicit Stream(Device device = cpu);
  ~Stream();
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Device device() const { return device_; }
  void* handle() const { return handle_; }  // cudaStream_t, or nullptr on the CPU
  void synchronize();                       // errors: device

 private:
  Device device_;
  void* handle_ = nullptr;
};

// The CPU's stream; ops that are given none use it.
Stream& cpu_stream();

// The stream of `device` that work is given to unless another is named: one for each device and
// process, so that what is done to a tensor is done in order. Errors: device.
Stream& default_stream(Device device);

// Copies between any two devices, in order with the other work of `stream`. The memory must live
// until the stream is synchronized. CPU to CPU is an ordinary copy.
void copy_async(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes,
                Stream& stream);

namespace cuda {
// Implemented twice: lib/device/cuda and lib/device/nocuda.
bool built();
int device_count();  // 0 without driver or GPU
std::string description(int index);
void* allocate(int index, std::size_t bytes);  // nullptr: there is no more
void release(int index, void* memory) noexcept;
void* stream_create(int index);
void stream_destroy(int index, void* handle) noexcept;
void stream_synchronize(int index, void* handle);
void zero_async(void* memory, std::size_t bytes, void* handle);
void copy_async(void* to, bool to_cuda, const void* from, bool from_cuda, std::size_t bytes,
                void* handle);
void capture_begin(int index, void* handle);
void* capture_end(void* handle);           // a graph
void capture_drop(void* handle) noexcept;  // ends it without one
void graph_launch(int index, void* graph, void* handle);
void graph_destroy(int index, void* graph) noexcept;
}  // namespace cuda

}  // namespace rn
