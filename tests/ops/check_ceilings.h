// What this machine could do at most, measured: the ceilings beside which ops are timed (a
// roofline).
#pragma once

#include "device/device.h"

namespace rn::test {

// Multiplications and additions a second of all threads together, from registers alone, in the
// widest vectors that the processor has; of doubles for f64, else of floats. CPU only.
double peak_flops(bool f64);

// Bytes a second, read and written, of all threads together, copying so that what is read and what
// is written is `bytes` in sum: from a cache if that is where they fit. CPU only.
double peak_bandwidth(double bytes);

}  // namespace rn::test
