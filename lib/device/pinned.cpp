#include "device/pinned.h"

#include <utility>

#include "base/error.h"

namespace rn {

Pinned::Pinned(std::size_t bytes, Device device) : bytes_(bytes) {
  if (bytes == 0) return;
  data_ = cuda::allocate_pinned(device.index, bytes);
  if (!data_) {
    fail(ErrorKind::device, "the host has no {:.1f} MiB for copies to {}",
         static_cast<double>(bytes) / 0x1p20, to_string(device));
  }
}

Pinned::~Pinned() {
  if (data_) cuda::release_pinned(data_);
}

Pinned::Pinned(Pinned&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Pinned& Pinned::operator=(Pinned&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace rn
