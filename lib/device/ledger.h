// The account of memory: every Buffer is counted here, by what it is for. Live and peak bytes are
// exact. (Thread stacks, file images and libraries' own memory are not Buffers and not counted.)
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

namespace rn {

enum class Tag { parameter, gradient, optimizer, state, statistics, activation, workspace, input };
inline constexpr int tag_count = 8;
const char* to_string(Tag tag);

class Ledger {
 public:
  static Ledger& global();

  std::int64_t live(Tag tag) const;  // bytes now
  std::int64_t peak(Tag tag) const;  // most bytes since reset_peaks()
  std::int64_t live_total() const;
  std::int64_t peak_total() const;   // most bytes of all tags together at one moment
  std::int64_t allocations() const;  // buffers ever allocated: constant in the steady state
  void reset_peaks();                // peaks := what is live

  void add(Tag tag, std::int64_t bytes);
  void remove(Tag tag, std::int64_t bytes) noexcept;

 private:
  mutable std::mutex mutex_;
  std::array<std::int64_t, tag_count> live_{}, peak_{};
  std::int64_t live_total_ = 0, peak_total_ = 0, allocations_ = 0;
};

}  // namespace rn
