// Winograd's passes against the direct convolution in double precision: those of every instruction
// set that is here, and the same code for vectors of 64 bytes, which any processor runs.
#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/rng.h"
#include "ops/cpu/winograd.h"
#include "support/catch.h"

namespace rn::ops::cpu {
namespace {
struct Tuning {
  static constexpr int vector_bytes = 64;
  // A product at a time: so many rows, by one panel or, where channels allow, by `wide` vectors.
  static constexpr int rows = 5, wide = 2;
  // The same of the weights' gradients.
  static constexpr int narrow_rows = 3, wide_rows = 5;
  // Transforms that are there at once.
  static constexpr std::int64_t forward_bytes = 24 << 10, weights_bytes = 24 << 10,
                                weights_bytes_of_16 = 24 << 10;
};
}  // namespace
}  // namespace rn::ops::cpu
#include "ops/cpu/winograd_passes.inc"

using namespace rn;
using namespace rn::ops::cpu;

namespace {

using Values = std::vector<float>;

Values draw(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed, RngPurpose::test);
  Values values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(rng.uniform(-1, 1));
  return values;
}

// f(output pixel, input pixel, place of the kernel) for all that meet.
template <class F>
void for_pairs(const WinogradShape& s, F f) {
  for (std::int64_t n = 0; n < s.images; ++n) {
    for (std::int64_t y = 0; y < s.h; ++y) {
      for (std::int64_t x = 0; x < s.w; ++x) {
        for (std::int64_t k = 0; k < 9; ++k) {
          const std::int64_t r = y + k / 3 - 1, c = x + k % 3 - 1;
          if (r < 0 || r >= s.h || c < 0 || c >= s.w) continue;
          f((n * s.h + y) * s.w + x, (n * s.h + r) * s.w + c, k);
        }
      }
    }
  }
}

double difference(const Values& got, const std::vector<double>& wanted) {
  double most = 0, worst = 0;
  for (std::size_t k = 0; k < got.size(); ++k) {
    most = std::max(most, std::abs(wanted[k]));
    worst = std::max(worst, std::abs(got[k] - wanted[k]));
  }
  return worst / most;
}

void check(const WinogradPasses& passes, const WinogradShape& s) {
  INFO(s.images << " x " << s.h << " x " << s.w << " x " << s.in << " - " << s.out);
  const auto at = [](std::int64_t k) { return static_cast<std::size_t>(k); };
  const std::int64_t pixels = s.images * s.h * s.w;
  const Values x = draw(pixels * s.in, 1), g = draw(pixels * s.out, 2), bias = draw(s.out, 3),
               w = draw(9 * s.in * s.out, 4);
  WinogradShape back = s;
  std::swap(back.in, back.out);
  const auto size_u = [&](const WinogradShape& of) { return at(16 * of.in * of.padded_out()); };
  Values u(size_u(s), std::nanf("")), space(at(passes.space(s)), std::nanf(""));
  for (const bool more : {false, true}) {
    winograd_weights(s, false, w.data(), u.data());
    Values y = draw(pixels * s.out, 5);
    std::vector<double> wanted(y.size(), 0);
    if (more) wanted.assign(y.begin(), y.end());
    for_pairs(s, [&](std::int64_t to, std::int64_t from, std::int64_t k) {
      for (std::int64_t o = 0; o < s.out; ++o) {
        for (std::int64_t i = 0; i < s.in; ++i) {
          wanted[at(to * s.out + o)] +=
              double{x[at(from * s.in + i)]} * w[at((o * 9 + k) * s.in + i)];
        }
      }
    });
    for (std::int64_t k = 0; more && k < pixels * s.out; ++k) wanted[at(k)] += bias[at(k % s.out)];
    passes.convolve(s, x.data(), u.data(), more ? bias.data() : nullptr, more, y.data(),
                    space.data());
    CHECK(difference(y, wanted) < 1e-6);
  }
  {
    u.assign(size_u(back), std::nanf(""));
    Values dx(x.size(), std::nanf(""));
    std::vector<double> wanted(x.size(), 0);
    winograd_weights(back, true, w.data(), u.data());
    for_pairs(s, [&](std::int64_t to, std::int64_t from, std::int64_t k) {
      for (std::int64_t o = 0; o < s.out; ++o) {
        for (std::int64_t i = 0; i < s.in; ++i) {
          wanted[at(from * s.in + i)] +=
              double{g[at(to * s.out + o)]} * w[at((o * 9 + k) * s.in + i)];
        }
      }
    });
    space.assign(at(passes.space(back)), std::nanf(""));
    passes.convolve(back, g.data(), u.data(), nullptr, false, dx.data(), space.data());
    CHECK(difference(dx, wanted) < 1e-6);
  }
  Values d(at(9 * s.in * s.padded_out()), std::nanf(""));
  std::vector<double> wanted(d.size(), 0);
  for_pairs(s, [&](std::int64_t to, std::int64_t from, std::int64_t k) {
    for (std::int64_t i = 0; i < s.in; ++i) {
      for (std::int64_t o = 0; o < s.out; ++o) {
        wanted[at((k * s.in + i) * s.padded_out() + o)] +=
            double{x[at(from * s.in + i)]} * g[at(to * s.out + o)];
      }
    }
  });
  space.assign(at(passes.space(s)), std::nanf(""));
  passes.weights(s, x.data(), g.data(), d.data(), space.data());
  CHECK(difference(d, wanted) < 2e-6);
}

void check_all(const WinogradPasses& passes) {
  for (const WinogradShape& s : {WinogradShape{1, 1, 1, 16, 16}, WinogradShape{2, 2, 2, 16, 32},
                                 WinogradShape{1, 5, 7, 32, 16}, WinogradShape{3, 8, 8, 16, 16},
                                 WinogradShape{2, 9, 16, 48, 16}, WinogradShape{2, 16, 16, 32, 32},
                                 WinogradShape{4, 8, 8, 64, 48}, WinogradShape{1, 1, 12, 16, 16},
                                 WinogradShape{1, 3, 3, 8, 8}, WinogradShape{2, 8, 8, 56, 56},
                                 WinogradShape{1, 6, 5, 24, 40}, WinogradShape{2, 4, 4, 32, 40},
                                 WinogradShape{2, 4, 4, 40, 32}}) {
    check(passes, s);
  }
}

}  // namespace

TEST_CASE("winograd: convolution, gradients of data and weights, vectors of any width", "[ops]") {
  check_all(passes);
}

TEST_CASE("winograd: the instruction sets of this machine", "[ops]") {
  int sets = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (winograd_avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    check_all(*winograd_avx2), ++sets;
  }
  if (winograd_avx512 && __builtin_cpu_supports("avx512f")) check_all(*winograd_avx512), ++sets;
#endif
  if (sets == 0) RN_SKIP("no AVX2 here: Winograd's passes are not used");
}

TEST_CASE("winograd: taken where it fits, by itself nowhere else", "[ops]") {
  const auto kernel = [](ConvGeometry g) {
    return winograd_kernel(ConvPass::forward, g, 2, {}) != nullptr;
  };
  const ConvGeometry usual{8, 8, 16, 8, 8, 32, 3, 3, 1, 1, 1, 1};
  ConvGeometry g = usual;
  g.sh = g.sw = 2, g.p = g.q = 4;
  CHECK(!kernel(g));
  for (const int channels : {3, 8, 24, 36}) {
    g = usual, g.i = channels;
    CHECK(!kernel(g));
  }
  g = usual, g.kh = g.kw = 1, g.ph = g.pw = 0;
  CHECK(!kernel(g));
  g = usual, g.i = g.o = 512;
  CHECK(!kernel(g));
  g = usual, g.ph = 0, g.p = 6;
  CHECK(!kernel(g));
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    for (const int channels : {16, 32, 40, 56, 64}) {
      g = usual, g.i = channels;
      CHECK(kernel(g));
    }
  }
#endif
}
