// Inside the emulator: who runs now, for races.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuda_emu {

// What a thread was at when it touched memory. Epochs grow: a barrier begins a new one for its
// block, a meeting of lanes for its warp.
struct Moment {
  std::int64_t launch = 0, block = 0;
  std::int64_t block_epoch = 0, warp_epoch = 0;
  int thread = -1;
};
extern Moment now;  // thread -1: no kernel runs
bool on_fiber_stack(const void* memory);
bool is_device_memory(const void* memory);
void begin_races();           // of a launch
const char* races_or_null();  // what was found in it

}  // namespace cuda_emu
