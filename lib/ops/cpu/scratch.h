// Scratch memory of CPU kernels: one grow-only buffer per thread and slot, counted in the Ledger as
// workspace. Nothing is allocated once every shape has been seen.
#pragma once

#include <array>

#include "device/buffer.h"

namespace rn::ops::cpu {

enum class Slot {
  input,
  gradient,
  output,
  weights,
  update,
  column,
  partial,
  vector,
  onednn,
  winograd,
  flow,
  count
};

// At least `bytes` bytes of this thread; contents undefined; valid until the same thread asks for
// the same slot again.
inline void* scratch_bytes(Slot slot, std::size_t bytes) {
  thread_local std::array<Buffer, static_cast<std::size_t>(Slot::count)> buffers;
  Buffer& buffer = buffers[static_cast<std::size_t>(slot)];
  if (buffer.bytes() < bytes) {
    buffer = Buffer();
    buffer = Buffer(bytes, Tag::workspace);
  }
  return buffer.data();
}

template <class T>
T* scratch(Slot slot, std::int64_t count) {
  return static_cast<T*>(scratch_bytes(slot, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace rn::ops::cpu
