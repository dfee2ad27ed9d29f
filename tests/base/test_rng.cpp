#include <array>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "support/catch.h"

using rn::Rng;
using rn::RngPurpose;
using Words = std::array<std::uint32_t, 4>;

// Random123's kat_vectors for philox4x32 with 10 rounds.
TEST_CASE("philox gives the published known answers") {
  CHECK(rn::philox4x32({0, 0, 0, 0}, {0, 0}) ==
        Words{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
  const std::uint32_t ones = 0xffffffffu;
  CHECK(rn::philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
  CHECK(rn::philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u},
                       {0xa4093822u, 0x299f31d0u}) ==
        Words{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});
}

TEST_CASE("a stream depends on its whole address, and on nothing else") {
  const auto first = [](std::uint64_t seed, RngPurpose purpose, std::uint64_t a, std::uint64_t b) {
    return Rng(seed, purpose, a, b).bits();
  };
  const std::uint32_t here = first(1, RngPurpose::init, 2, 3);
  CHECK(first(1, RngPurpose::init, 2, 3) == here);
  CHECK(first(2, RngPurpose::init, 2, 3) != here);
  CHECK(first(1 | (std::uint64_t{1} << 32), RngPurpose::init, 2, 3) != here);
  CHECK(first(1, RngPurpose::order, 2, 3) != here);
  CHECK(first(1, RngPurpose::init, 3, 2) != here);
  CHECK(first(1, RngPurpose::init, 2, 4) != here);

  // The first words of a stream are those of its counter block.
  Rng rng(7, RngPurpose::test, 5, 6);
  const Words block = rn::philox4x32({0, 99, 5, 6}, {7, 0});
  const Words next = rn::philox4x32({1, 99, 5, 6}, {7, 0});
  for (const std::uint32_t word : block) CHECK(rng.bits() == word);
  for (const std::uint32_t word : next) CHECK(rng.bits() == word);

  CHECK_THROWS_AS(Rng(1, RngPurpose::init, std::uint64_t{1} << 32), rn::Error);
  CHECK_THROWS_AS(Rng(1, RngPurpose::init, 0, std::uint64_t{1} << 32), rn::Error);
}

TEST_CASE("uniform numbers fill [0, 1) evenly") {
  Rng rng(1, RngPurpose::test);
  const int count = 200000, bins = 20;
  std::vector<int> seen(bins, 0);
  double sum = 0, squares = 0;
  for (int i = 0; i < count; ++i) {
    const double u = rng.uniform();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    ++seen[static_cast<std::size_t>(u * bins)];
    sum += u;
    squares += u * u;
  }
  CHECK(sum / count == Approx(0.5).margin(4 * std::sqrt(1.0 / 12 / count)));
  CHECK(squares / count == Approx(1.0 / 3).margin(0.003));
  double chi2 = 0;  // 19 degrees of freedom: above 43.8 once in a thousand
  for (const int n : seen) {
    const double off = n - count / double(bins);
    chi2 += off * off * bins / count;
  }
  CHECK(chi2 < 43.8);
  for (int i = 0; i < 1000; ++i) {
    const double u = rng.uniform(-3, 5);
    REQUIRE(u >= -3);
    REQUIRE(u < 5);
  }
}

TEST_CASE("below is unbiased, also where 2^32 is no multiple") {
  Rng rng(2, RngPurpose::test);
  for (const std::uint32_t n : {1u, 2u, 3u, 7u, 10u}) {
    std::vector<int> seen(n, 0);
    const int count = 30000;
    for (int i = 0; i < count; ++i) {
      const std::uint32_t k = rng.below(n);
      REQUIRE(k < n);
      ++seen[k];
    }
    const double share = 1.0 / n, deviation = std::sqrt(count * share * (1 - share));
    for (const int s : seen) CHECK(std::abs(s - count * share) <= 4.5 * deviation);
  }
  // With n = 3 * 2^30 a plain remainder or product would favour a third of the numbers two to one.
  const std::uint32_t n = 3u << 30;
  int classes[3] = {0, 0, 0};
  for (int i = 0; i < 30000; ++i) ++classes[rng.below(n) % 3];
  for (const int s : classes) CHECK(std::abs(s - 10000) < 4.5 * std::sqrt(30000 * 2.0 / 9));
  CHECK_THROWS_AS(rng.below(0), rn::Error);
}

TEST_CASE("normal numbers have the moments of N(0, 1)") {
  Rng rng(3, RngPurpose::test);
  const int count = 200000;
  double sum[4] = {0, 0, 0, 0};
  for (int i = 0; i < count; ++i) {
    const double x = rng.normal();
    REQUIRE(std::isfinite(x));
    for (double power = x, *s = sum; s < sum + 4; ++s, power *= x) *s += power / count;
  }
  CHECK(sum[0] == Approx(0).margin(0.01));
  CHECK(sum[1] == Approx(1).margin(0.015));
  CHECK(sum[2] == Approx(0).margin(0.04));
  CHECK(sum[3] == Approx(3).margin(0.1));
}

TEST_CASE("coins are fair and single bits are") {
  Rng rng(4, RngPurpose::test);
  const int count = 40000;
  int heads = 0, set[32] = {};
  for (int i = 0; i < count; ++i) heads += rng.coin();
  for (int i = 0; i < count; ++i) {
    const std::uint32_t word = rng.bits();
    for (int bit = 0; bit < 32; ++bit) set[bit] += (word >> bit) & 1u;
  }
  CHECK(std::abs(heads - count / 2) < 500);
  for (const int n : set) CHECK(std::abs(n - count / 2) < 500);
}
