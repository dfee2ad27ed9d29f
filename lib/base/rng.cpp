#include "base/rng.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace rn {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c,
                                        std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

Rng::Rng(std::uint64_t seed, RngPurpose purpose, std::uint64_t a, std::uint64_t b)
    : counter_{0, static_cast<std::uint32_t>(purpose), static_cast<std::uint32_t>(a),
               static_cast<std::uint32_t>(b)},
      key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)} {
  require(a >> 32 == 0 && b >> 32 == 0, "Rng: stream indices must fit in 32 bits");
}

std::uint32_t Rng::bits() {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

double Rng::uniform() {
  const std::uint64_t hi = bits() >> 5;
  const std::uint64_t lo = bits() >> 6;
  return static_cast<double>((hi << 26) | lo) * 0x1p-53;
}

double Rng::uniform(double lo, double hi) { return lo + (hi - lo) * uniform(); }

std::uint32_t Rng::below(std::uint32_t n) {
  require(n > 0, "Rng::below: n must be positive");
  const std::uint32_t threshold = (0u - n) % n;  // Lemire's rejection
  for (;;) {
    const std::uint64_t product = std::uint64_t{bits()} * n;
    if (static_cast<std::uint32_t>(product) >= threshold) {
      return static_cast<std::uint32_t>(product >> 32);
    }
  }
}

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double u = 1.0 - uniform();  // (0, 1]
  const double v = 2 * std::numbers::pi * uniform();
  const double r = std::sqrt(-2 * std::log(u));
  spare_ = r * std::sin(v);
  has_spare_ = true;
  return r * std::cos(v);
}

}  // namespace rn
