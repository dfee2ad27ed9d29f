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

void check_limit(std::size_t bytes, Tag tag, Device device) {
  const std::int64_t most = limit.load();
  if (most == no_limit) return;
  const std::int64_t live = Ledger::global().live_total();
  if (static_cast<std::int64_t>(bytes) <= most - live) return;
  throw OutOfMemory(bytes, tag, device);
}

// "1234.5 MiB in use: parameter 1.5, activation 1233.0", with the limit where there is one.
std::string in_use() {
  const Ledger& ledger = Ledger::global();
  const auto mib = [](std::int64_t bytes) { return static_cast<double>(bytes) / 0x1p20; };
  std::string text = fmt::format("{:.1f} ", mib(ledger.live_total()));
  if (limit.load() != no_limit) text += fmt::format("of {:.1f} ", mib(limit.load()));
  text += "MiB in use";
  const char* before = ": ";
  for (int i = 0; i < tag_count; ++i) {
    const auto tag = static_cast<Tag>(i);
    if (ledger.live(tag) == 0) continue;
    text += fmt::format("{}{} {:.1f}", before, to_string(tag), mib(ledger.live(tag)));
    before = ", ";
  }
  return text;
}

}  // namespace

OutOfMemory::OutOfMemory(std::size_t bytes, Tag tag, Device device)
    : OutOfMemory(fmt::format("out of memory{}: {:.1f} MiB more asked for ({}), {}",
                              device.is_cpu() ? "" : " on " + to_string(device),
                              static_cast<double>(bytes) / 0x1p20, to_string(tag), in_use())) {}

void set_memory_limit(std::int64_t bytes) { limit.store(bytes); }
std::int64_t memory_limit() { return limit.load(); }

Buffer::Buffer(std::size_t bytes, Tag tag, Device device)
    : bytes_(bytes), tag_(tag), device_(device) {
  if (bytes == 0) return;
  check_limit(bytes, tag, device);
  if (device.is_cpu()) {
    const std::size_t align = bytes >= huge_page ? huge_page : alignment;
    const std::size_t rounded = (bytes + align - 1) / align * align;
    if (rounded >= bytes) data_ = std::aligned_alloc(align, rounded);
    if (!data_) throw OutOfMemory(bytes, tag, device);
    if (align == huge_page) madvise(data_, rounded, MADV_HUGEPAGE);  // a wish, not a need
  } else {
    data_ = cuda::allocate(device.index, bytes);
    if (!data_) throw OutOfMemory(bytes, tag, device);
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
