#include <cmath>

#include "study/combinatorics.h"
#include "support/catch.h"

using namespace rn::study;

TEST_CASE("the share of paths left is that of the paper's formula", "[study]") {
  CHECK(paths_left(54, 0, 23) == 1);
  CHECK(paths_left(54, 1, 1) == Approx(53.0 / 54));
  CHECK(paths_left(54, 10, 5) == Approx(.3434).margin(5e-5));
  CHECK(paths_left(54, 10, 17) == Approx(.0146).margin(5e-5));
  CHECK(paths_left(54, 20, 10) == Approx(.0055).margin(5e-5));
  CHECK(paths_left(54, 1, 27) == Approx(.5));
  CHECK(paths_left(4, 2, 3) == 0);
  // Against Pascal's triangle, where its numbers are exact.
  double choose[31][31] = {};
  for (int n = 0; n <= 30; ++n) {
    for (int k = 0; k <= n; ++k) {
      choose[n][k] = k == 0 || k == n ? 1 : choose[n - 1][k - 1] + choose[n - 1][k];
    }
  }
  for (int d = 0; d <= 30; ++d) {
    for (int x = 0; x <= 30; ++x) {
      const double left = x <= 30 - d ? choose[30 - d][x] : 0;
      CHECK(paths_left(30, d, x) == Approx(left / choose[30][x]));
    }
  }
}

TEST_CASE("Kendall's tau of permutations worked out by hand", "[study]") {
  CHECK(kendall_tau({0, 1, 2, 3}) == 1);
  CHECK(kendall_tau({3, 2, 1, 0}) == -1);
  CHECK(kendall_tau({1, 0, 2, 3}) == Approx(1 - 2.0 / 6));
  CHECK(kendall_tau({2, 0, 1}) == Approx(-1.0 / 3));
  CHECK(kendall_tau({0}) == 1);
}

TEST_CASE("McNemar's exact test", "[study]") {
  CHECK(mcnemar_p(0, 0) == 1);
  CHECK(mcnemar_p(5, 5) == 1);
  CHECK(mcnemar_p(0, 1) == 1);  // 2 * 1/2
  CHECK(mcnemar_p(10, 0) == Approx(2 * std::pow(.5, 10)));
  CHECK(mcnemar_p(1, 5) == Approx(2 * (1 + 6) / 64.0));  // 2 * P(X <= 1), n = 6
  CHECK(mcnemar_p(5, 1) == mcnemar_p(1, 5));
  CHECK(mcnemar_p(3000, 2000) < 1e-40);
  CHECK(mcnemar_p(600'000'000, 400'000'000) == 0);  // told at once
}
