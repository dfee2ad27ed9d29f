// What only the GPU's own instructions do, in one place: tests compile the kernels against an
// emulated twin of this header (tests/support/cuda_emu). Lane l of a warp is (g, t) = (l / 4, l %
// 4) below, as in PTX's "Matrix fragments for mma.m16n8k16".
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "tensor/bfloat16.h"

namespace rn::ops::cuda {

// The shared memory that a launch asked for, 16-byte aligned.
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  return reinterpret_cast<T*>(shared_memory);
}

// 16 bytes, moved by one instruction.
struct __align__(16) Words4 {
  std::uint32_t x, y, z, w;
};

__device__ inline float widen(bfloat16 value) {
  return __uint_as_float(static_cast<std::uint32_t>(value.bits) << 16);
}
__device__ inline float widen_low(std::uint32_t two) { return __uint_as_float(two << 16); }
__device__ inline float widen_high(std::uint32_t two) { return __uint_as_float(two & 0xffff0000u); }

// To the nearest, ties to even.
__device__ inline bfloat16 narrow(float value) {
  bfloat16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}

// threadIdx.x, read anew: inside a loop, so that the compiler does not compute before the loop, and
// keep in registers, all that depends on it.
__device__ inline int thread_here() {
  int thread;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
  return thread;
}

// The value of the lane `by` further; the last lanes keep their own.
template <class T>
__device__ T shuffle_down(T value, int by) {
  return __shfl_down_sync(0xffffffffu, value, static_cast<unsigned>(by));
}

// The value of the lane whose number differs by the bits of `by`.
template <class T>
__device__ T shuffle_xor(T value, int by) {
  return __shfl_xor_sync(0xffffffffu, value, by);
}

// Four 8x8 matrices of bf16 from shared memory. Lane l gives the address of row l % 8 of matrix
// l / 8 (16 bytes, aligned), and gets of matrix j the elements (g, 2t) and (g, 2t + 1) in r[j].
__device__ inline void load_matrices(std::uint32_t (&r)[4], const bfloat16* row) {
  const auto at = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

// The same, each matrix transposed: elements (2t, g) and (2t + 1, g) of the rows as stored.
__device__ inline void load_matrices_transposed(std::uint32_t (&r)[4], const bfloat16* row) {
  const auto at = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

// d += a * b on tensor cores, d 16x8 (f32), a 16x16 and b 16x8 (bf16).
__device__ inline void multiply_add(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                    std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace rn::ops::cuda
