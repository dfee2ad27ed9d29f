// Memory on one device: move-only, 64-byte aligned, counted in the Ledger under its tag.
#pragma once

#include <cstddef>

#include "device/device.h"
#include "device/ledger.h"

namespace rn {

class Buffer {
 public:
  Buffer() = default;
  // Contents are undefined. Errors: failed ("out of memory: ..."), device.
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
