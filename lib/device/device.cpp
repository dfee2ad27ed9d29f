#include "device/device.h"

#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <utility>

#include "base/error.h"

namespace rn {

std::string to_string(Device device) {
  return device.is_cpu() ? "cpu" : fmt::format("cuda:{}", device.index);
}

std::string describe(Device device) {
  if (device.is_cpu()) return to_string(device);
  return to_string(device) + " " + cuda::description(device.index);
}

Device parse_device(const std::string& text) {
  if (text == "cpu") return cpu;
  if (text == "auto") {
    return cuda::device_count() > 0 ? Device{DeviceKind::cuda, 0} : cpu;
  }
  if (text == "cuda" || text.starts_with("cuda:")) {
    int index = 0;
    if (text.size() > 4) {
      const char* end = text.data() + text.size();
      const auto parsed = std::from_chars(text.data() + 5, end, index);
      if (parsed.ec != std::errc() || parsed.ptr != end || index < 0) {
        fail(ErrorKind::usage, "device '{}': expected cuda:N with N = 0, 1, ...", text);
      }
    }
    if (!cuda::built()) fail(ErrorKind::device, "device '{}': built without CUDA", text);
    const int count = cuda::device_count();
    if (index >= count) {
      fail(ErrorKind::device, "device '{}': this machine shows {} CUDA device(s)", text, count);
    }
    return {DeviceKind::cuda, index};
  }
  fail(ErrorKind::usage, "device '{}': expected auto, cpu or cuda[:N]", text);
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      const auto colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return "unknown";
}

Stream::Stream(Device device) : device_(device) {
  if (!device.is_cpu()) handle_ = cuda::stream_create(device.index);
}

Stream::~Stream() {
  if (handle_) cuda::stream_destroy(device_.index, handle_);
}

Stream::Stream(Stream&& other) noexcept
    : device_(other.device_), handle_(std::exchange(other.handle_, nullptr)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(handle_, other.handle_);
  return *this;
}

void Stream::synchronize() {
  if (handle_) cuda::stream_synchronize(device_.index, handle_);
}

Stream& cpu_stream() {
  static Stream stream{cpu};
  return stream;
}

Stream& default_stream(Device device) {
  if (device.is_cpu()) return cpu_stream();
  static std::mutex mutex;
  // Never destroyed: when the process ends, the driver may be gone before.
  static auto& streams = *new std::map<int, Stream>;
  const std::lock_guard lock(mutex);
  const auto found = streams.find(device.index);
  if (found != streams.end()) return found->second;
  return streams.emplace(device.index, Stream(device)).first->second;
}

void copy_async(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes,
                Stream& stream) {
  if (bytes == 0) return;
  if (to_device.is_cpu() && from_device.is_cpu()) {
    std::memcpy(to, from, bytes);
    return;
  }
  require(!stream.device().is_cpu(), "copy_async: a copy to or from a GPU needs its stream");
  cuda::copy_async(to, !to_device.is_cpu(), from, !from_device.is_cpu(), bytes, stream.handle());
}

}  // namespace rn
