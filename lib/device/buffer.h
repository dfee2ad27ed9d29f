// Memory on one device: move-only, 64-byte aligned, counted in the Ledger under its tag.
#pragma once

#include <cstddef>

#include "base/error.h"
#include "device/device.h"
#include "device/ledger.h"

namespace rn {

// "out of memory on cuda:0: 64.0 MiB more asked for (activation), 900.0 MiB in use: parameter 1.0,
// activation 899.0"; of kind failed. For those who know what to try, or can do with less.
class OutOfMemory : public Error {
 public:
  OutOfMemory(std::size_t bytes, Tag tag, Device device);
  explicit OutOfMemory(const std::string& what) : Error(ErrorKind::failed, what) {}
};

class Buffer {
 public:
  Buffer() = default;
  // Contents are undefined. Errors: OutOfMemory, device.
  Buffer(std::size_t bytes, Tag tag, Device device = cpu);
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Tag tag() const { return tag_; }
  Device device() const { return device_; }

 private:
  void reset() noexcept;

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Tag tag_ = Tag::workspace;
  Device device_;
};

}  // namespace rn
