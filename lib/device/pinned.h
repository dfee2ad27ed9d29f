// Memory of the host that a GPU copies from and to by itself, while the host goes on.
#pragma once

#include <cstddef>

#include "device/device.h"

namespace rn {

class Pinned {
 public:
  Pinned() = default;
  // Errors: device, where there is no GPU or no such memory is left.
  Pinned(std::size_t bytes, Device device);
  ~Pinned();
  Pinned(Pinned&& other) noexcept;
  Pinned& operator=(Pinned&& other) noexcept;
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

namespace cuda {
void* allocate_pinned(int index, std::size_t bytes);  // nullptr: there is no more
void release_pinned(void* memory) noexcept;
}  // namespace cuda

}  // namespace rn
