#include "ops/check_ceilings.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "base/parallel.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace rn::test {
namespace {

using Clock = std::chrono::steady_clock;

// The shortest of several runs, in seconds.
double fastest(const std::function<void()>& run) {
  double best = 1e9, spent = 0;
  for (int round = 0; round < 2000 && (round < 7 || spent < 0.3); ++round) {
    const auto start = Clock::now();
    run();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best;
}

constexpr int rounds = 1 << 16;  // less than a slice of the scheduler: another program disturbs few
volatile double sink;

// `rounds` multiply-adds in each of 12 independent vectors, which hides their latency (4 cycles,
// two a cycle, and some to spare); returns the numbers in a vector. Plain loops, for other
// processors.
template <class T>
int plain() {
  constexpr int width = 8;
  T x[12 * width];
  std::fill(std::begin(x), std::end(x), T(1));
  for (int i = 0; i < rounds; ++i) {
    for (T& v : x) v = v * T(0.999) + T(0.001);
  }
  sink = static_cast<double>(x[0]);
  return width;
}

#if defined(__x86_64__)
// No vector's address is taken: one that stays in memory would set the pace.
#define RN_MULTIPLY_ADD(name, type, vector, width, set1, fmadd, isa)      \
  __attribute__((target(isa))) int name() {                               \
    vector x[12], a = set1(type(0.999)), b = set1(type(0.001));           \
    _Pragma("GCC unroll 12") for (vector & v : x) v = a;                  \
    for (int i = 0; i < rounds; ++i) {                                    \
      _Pragma("GCC unroll 12") for (vector & v : x) v = fmadd(v, a, b);   \
    }                                                                     \
    vector all = b;                                                       \
    _Pragma("GCC unroll 12") for (vector & v : x) all = fmadd(v, a, all); \
    type out[width];                                                      \
    std::memcpy(out, &all, sizeof out);                                   \
    sink = static_cast<double>(out[0]);                                   \
    return width;                                                         \
  }
RN_MULTIPLY_ADD(avx2_f32, float, __m256, 8, _mm256_set1_ps, _mm256_fmadd_ps, "avx2,fma")
RN_MULTIPLY_ADD(avx2_f64, double, __m256d, 4, _mm256_set1_pd, _mm256_fmadd_pd, "avx2,fma")
RN_MULTIPLY_ADD(avx512_f32, float, __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps, "avx512f")
RN_MULTIPLY_ADD(avx512_f64, double, __m512d, 8, _mm512_set1_pd, _mm512_fmadd_pd, "avx512f")
#undef RN_MULTIPLY_ADD
#endif

int multiply_add(bool f64) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return f64 ? avx512_f64() : avx512_f32();
  if (__builtin_cpu_supports("fma")) return f64 ? avx2_f64() : avx2_f32();
#endif
  return f64 ? plain<double>() : plain<float>();
}

}  // namespace

double peak_flops(bool f64) {
  static std::map<bool, double> known;
  double& flops = known[f64];
  if (flops == 0) {
    int width = 0;
    const double seconds = fastest([&] {
      parallel_for(threads(), [&](int i) {
        const int w = multiply_add(f64);
        if (i == 0) width = w;
      });
    });
    flops = 2.0 * 12 * width * rounds * threads() / seconds;
  }
  return flops;
}

double peak_bandwidth(double bytes) {
  // Sizes are told apart by powers of two: caches are.
  const int power = std::clamp(static_cast<int>(std::lround(std::log2(bytes))), 16, 29);
  static std::map<int, double> known;
  double& bandwidth = known[power];
  if (bandwidth == 0) {
    const std::int64_t each = (std::int64_t{1} << power) / 2 / threads();
    std::vector<std::vector<char>> from(static_cast<std::size_t>(threads())), to = from;
    parallel_for(threads(), [&](int i) {
      from[static_cast<std::size_t>(i)].assign(static_cast<std::size_t>(each), 1);
      to[static_cast<std::size_t>(i)].assign(static_cast<std::size_t>(each), 2);
    });
    const int repeat = std::max(1, (1 << 24) >> power);
    const double seconds = fastest([&] {
      parallel_for(threads(), [&](int i) {
        const auto k = static_cast<std::size_t>(i);
        for (int r = 0; r < repeat; ++r) {
          std::memcpy(to[k].data(), from[k].data(), from[k].size());
          asm volatile("" : : "r"(to[k].data()) : "memory");
        }
      });
    });
    bandwidth = 2.0 * static_cast<double>(each) * threads() * repeat / seconds;
  }
  return bandwidth;
}

}  // namespace rn::test
