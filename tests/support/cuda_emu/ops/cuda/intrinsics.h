// Emulated twin of lib/ops/cuda/intrinsics.h: the same functions, with what PTX says about their
// fragments written out. Lane l of a warp is (g, t) = (l / 4, l % 4).
#pragma once

#include <cuda_runtime.h>

#include <bit>

#include "tensor/bfloat16.h"

namespace rn::ops::cuda {

template <class T>
T* dynamic_shared() {
  return static_cast<T*>(cuda_emu::dynamic_shared);
}

struct alignas(16) Words4 {
  std::uint32_t x, y, z, w;
};

inline float widen(bfloat16 value) { return value; }
inline float widen_low(std::uint32_t two) { return std::bit_cast<float>(two << 16); }
inline float widen_high(std::uint32_t two) { return std::bit_cast<float>(two & 0xffff0000u); }
inline bfloat16 narrow(float value) { return bfloat16(value); }

inline int thread_here() { return static_cast<int>(threadIdx.x); }

// What the lane l gets that asks for lane from(l, by); its own where there is none.
template <class T, int (*from)(int, int)>
T shuffle(T value, int by) {
  struct Lane {
    T value, result;
    int by;
  } mine{value, value, by};
  cuda_emu::meet(&mine, [](void** lanes, int count) {
    for (int l = 0; l < count; ++l) {
      Lane& lane = *static_cast<Lane*>(lanes[l]);
      const int other = from(l, lane.by);
      if (other < count) lane.result = static_cast<Lane*>(lanes[other])->value;
    }
  });
  return mine.result;
}
inline int lane_down(int lane, int by) { return lane + by; }
inline int lane_xor(int lane, int by) { return lane ^ by; }
template <class T>
T shuffle_down(T value, int by) {
  return shuffle<T, lane_down>(value, by);
}
template <class T>
T shuffle_xor(T value, int by) {
  return shuffle<T, lane_xor>(value, by);
}

namespace emu {
struct Load {
  const void* row;
  std::uint32_t* out;
};
template <bool transposed>
void load_matrices(void** lanes, int) {
  for (int l = 0; l < 32; ++l) {
    for (int j = 0; j < 4; ++j) {
      std::uint32_t word = 0;
      for (int half = 0; half < 2; ++half) {
        const int row = transposed ? 2 * (l % 4) + half : l / 4;
        const int column = transposed ? l / 4 : 2 * (l % 4) + half;
        const auto* from =
            static_cast<const std::uint16_t*>(static_cast<const Load*>(lanes[8 * j + row])->row);
        word |= static_cast<std::uint32_t>(from[column]) << (16 * half);
      }
      static_cast<Load*>(lanes[l])->out[j] = word;
    }
  }
}
struct Mma {
  float* d;
  const std::uint32_t *a, *b;
};
inline float half_of(std::uint32_t word, int which) {
  return which == 0 ? widen_low(word) : widen_high(word);
}
inline void multiply_bf16(void** lanes, int) {
  float a[16][16], b[16][8];
  for (int l = 0; l < 32; ++l) {
    const Mma& lane = *static_cast<const Mma*>(lanes[l]);
    const int g = l / 4, t = l % 4;
    for (int h = 0; h < 2; ++h) {
      a[g][2 * t + h] = half_of(lane.a[0], h);
      a[g + 8][2 * t + h] = half_of(lane.a[1], h);
      a[g][2 * t + 8 + h] = half_of(lane.a[2], h);
      a[g + 8][2 * t + 8 + h] = half_of(lane.a[3], h);
      b[2 * t + h][g] = half_of(lane.b[0], h);
      b[2 * t + 8 + h][g] = half_of(lane.b[1], h);
    }
  }
  float c[16][8] = {};
  for (int m = 0; m < 16; ++m) {
    for (int k = 0; k < 16; ++k) {
      for (int n = 0; n < 8; ++n) c[m][n] += a[m][k] * b[k][n];
    }
  }
  for (int l = 0; l < 32; ++l) {
    const Mma& lane = *static_cast<const Mma*>(lanes[l]);
    const int g = l / 4, t = l % 4;
    for (int h = 0; h < 2; ++h) {
      lane.d[h] += c[g][2 * t + h];
      lane.d[2 + h] += c[g + 8][2 * t + h];
    }
  }
}
}  // namespace emu

inline void load_matrices(std::uint32_t (&r)[4], const bfloat16* row) {
  cuda_emu::touch(row, 16, false);
  emu::Load mine{row, r};
  cuda_emu::meet(&mine, emu::load_matrices<false>);
}
inline void load_matrices_transposed(std::uint32_t (&r)[4], const bfloat16* row) {
  cuda_emu::touch(row, 16, false);
  emu::Load mine{row, r};
  cuda_emu::meet(&mine, emu::load_matrices<true>);
}
inline void multiply_add(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                         std::uint32_t b1) {
  const std::uint32_t b[2] = {b0, b1};
  emu::Mma mine{d, a, b};
  cuda_emu::meet(&mine, emu::multiply_bf16);
}

}  // namespace rn::ops::cuda
