#include "device/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

#include "base/error.h"

namespace rn {
namespace {
constexpr std::size_t alignment = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;
}  // namespace

Buffer::Buffer(std::size_t bytes, Tag tag, Device device)
    : bytes_(bytes), tag_(tag), device_(device) {
  if (bytes == 0) return;
  if (device.is_cpu()) {
    const std::size_t align = bytes >= huge_page ? huge_page : alignment;
    const std::size_t rounded = (bytes + align - 1) / align * align;
    if (rounded >= bytes) data_ = std::aligned_alloc(align, rounded);
    if (!data_) {
      fail(ErrorKind::failed, "out of memory: {:.1f} MiB more asked for ({}), {:.1f} MiB in use",
           static_cast<double>(bytes) / 0x1p20, to_string(tag),
           static_cast<double>(Ledger::global().live_total()) / 0x1p20);
    }
    if (align == huge_page) madvise(data_, rounded, MADV_HUGEPAGE);  // a wish, not a need
  } else {
    data_ = cuda::allocate(device.index, bytes);
  }
  Ledger::global().add(tag, static_cast<std::int64_t>(bytes));
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      tag_(other.tag_),
      device_(other.device_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    reset();
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    tag_ = other.tag_;
    device_ = other.device_;
  }
  return *this;
}

void Buffer::reset() noexcept {
  if (!data_) return;
  if (device_.is_cpu()) {
    std::free(data_);
  } else {
    cuda::release(device_.index, data_);
  }
  Ledger::global().remove(tag_, static_cast<std::int64_t>(bytes_));
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace rn
