// base/rng.h in kernels: the same numbers, by their position in the stream.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace rn::ops::cuda {

struct Philox {
  std::uint32_t c[4];
};

__device__ inline Philox philox4x32(Philox counter, std::uint32_t k0, std::uint32_t k1) {
  std::uint32_t* c = counter.c;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    const std::uint32_t c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0;
    const std::uint32_t c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1;
    c[0] = c0;
    c[1] = static_cast<std::uint32_t>(p1);
    c[2] = c2;
    c[3] = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

// Rng(seed, purpose, a, b)
struct RngAt {
  std::uint64_t seed;
  std::uint32_t purpose, a;
  // The number that Rng::uniform() gives when it is called for the n-th time, from 0.
  __device__ double uniform(std::uint32_t b, std::int64_t n) const {
    const Philox block =
        philox4x32({{static_cast<std::uint32_t>(n / 2), purpose, a, b}},
                   static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
    const std::uint64_t high = block.c[n % 2 * 2] >> 5, low = block.c[n % 2 * 2 + 1] >> 6;
    return static_cast<double>((high << 26) | low) * 0x1p-53;
  }
};

}  // namespace rn::ops::cuda
