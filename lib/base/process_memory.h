// The process's memory as the kernel counts it (Linux, /proc): resident pages, of everything.
#pragma once

#include <cstdint>

namespace rn {

std::int64_t resident_bytes();       // now; 0 where the kernel does not say
std::int64_t peak_resident_bytes();  // the most since reset_peak_resident(), or ever
// Gives free heap back to the system, and lets the peak begin again where that is allowed (then
// true).
bool reset_peak_resident();

}  // namespace rn
