#include "device/buffer.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "device/limit.h"

namespace rn {
namespace {
constexpr std::size_t alignment = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;

std::atomic<std::int64_t> limit = no_limit;

void check_limit(std::size_t bytes, Tag tag) {
  const std::int64_t most = limit.load();
  if (most == no_limit) return;
  const std::int64_t live = Ledger::global().live_total();
  if (static_cast<std::int64_t>(bytes) <= most - live) return;
  fail(ErrorKind::failed, "out of memory: {:.1f} MiB more asked for ({}), {:.1f} of {:.1f} in use",
       static_cast<double>(bytes) / 0x1p20, to_string(tag), static_cast<double>(live) / 0x1p20,
       static_cast<double>(most) / 0x1p20);
}

}  // namespace

void set_memory_limit(std::int64_t bytes) { limit.store(bytes); }
std::int64_t memory_limit() { return limit.load(); }

Buffer::Buffer(std::size_t bytes, Tag tag, Device device)
    : bytes_(bytes), tag_(tag), device_(device) {
  if (bytes == 0) return;
  check_limit(bytes, tag);
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
