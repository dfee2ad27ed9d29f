#include "device/ledger.h"

#include <algorithm>

namespace rn {

const char* to_string(Tag tag) {
  static constexpr const char* names[tag_count] = {"parameter", "gradient",   "optimizer",
                                                   "state",     "statistics", "activation",
                                                   "workspace", "input"};
  return names[static_cast<int>(tag)];
}

Ledger& Ledger::global() {
  static Ledger* ledger = new Ledger;  // never destroyed: static tensors may outlive main
  return *ledger;
}

std::int64_t Ledger::live(Tag tag) const {
  std::lock_guard lock(mutex_);
  return live_[static_cast<std::size_t>(tag)];
}

std::int64_t Ledger::peak(Tag tag) const {
  std::lock_guard lock(mutex_);
  return peak_[static_cast<std::size_t>(tag)];
}

std::int64_t Ledger::live_total() const {
  std::lock_guard lock(mutex_);
  return live_total_;
}

std::int64_t Ledger::peak_total() const {
  std::lock_guard lock(mutex_);
  return peak_total_;
}

std::int64_t Ledger::allocations() const {
  std::lock_guard lock(mutex_);
  return allocations_;
}

void Ledger::reset_peaks() {
  std::lock_guard lock(mutex_);
  peak_ = live_;
  peak_total_ = live_total_;
}

void Ledger::add(Tag tag, std::int64_t bytes) {
  std::lock_guard lock(mutex_);
  const auto i = static_cast<std::size_t>(tag);
  live_[i] += bytes;
  live_total_ += bytes;
  peak_[i] = std::max(peak_[i], live_[i]);
  peak_total_ = std::max(peak_total_, live_total_);
  ++allocations_;
}

void Ledger::remove(Tag tag, std::int64_t bytes) noexcept {
  std::lock_guard lock(mutex_);
  live_[static_cast<std::size_t>(tag)] -= bytes;
  live_total_ -= bytes;
}

}  // namespace rn
