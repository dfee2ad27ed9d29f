#include <cmath>

#include "base/rng.h"
#include "ops/lapack.h"
#include "ops/stack.h"
#include "support/catch.h"

using namespace rn;

namespace {

std::vector<double> random(std::size_t size, std::uint64_t seed) {
  Rng rng(seed, RngPurpose::test);
  std::vector<double> out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(rng.normal());
  return out;
}

}  // namespace

TEST_CASE("eigenvalues: the decomposition is the matrix; signs are fixed") {
  const std::size_t n = 5;
  std::vector<double> a = random(n * n, 1), vectors;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) a[i * n + j] = a[j * n + i];
  }
  const std::vector<double> values = ops::symmetric_eigenvalues(a, 5, &vectors);
  const std::vector<double> alone = ops::symmetric_eigenvalues(a, 5);  // another algorithm
  for (std::size_t k = 0; k < n; ++k) CHECK(std::abs(alone[k] - values[k]) < 1e-12);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0, product = 0;
      for (std::size_t k = 0; k < n; ++k) {
        sum += values[k] * vectors[k * n + i] * vectors[k * n + j];
        product += vectors[i * n + k] * vectors[j * n + k];
      }
      CHECK(std::abs(sum - a[i * n + j]) < 1e-12);
      CHECK(std::abs(product - (i == j)) < 1e-12);
    }
    if (i > 0) CHECK(values[i - 1] >= values[i]);
    double most = 0;
    for (std::size_t k = 0; k < n; ++k) {
      if (std::abs(vectors[i * n + k]) > std::abs(most)) most = vectors[i * n + k];
    }
    CHECK(most > 0);
  }
  a[3] = std::nan("");
  CHECK_THROWS_AS(ops::symmetric_eigenvalues(a, 5), Error);
}

TEST_CASE("singular values: wide, tall, with a basis of the kernel") {
  for (const auto& [m, n] : {std::pair<std::int64_t, std::int64_t>{2, 4}, {4, 2}, {3, 3}, {1, 1}}) {
    const auto rows = static_cast<std::size_t>(m), columns = static_cast<std::size_t>(n);
    const std::vector<double> a = random(rows * columns, 2);
    std::vector<double> right, left;
    const std::vector<double> values = ops::singular_values(a, m, n, &right, &left, true);
    REQUIRE(values.size() == std::min(rows, columns));
    REQUIRE(right.size() == columns * columns);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < values.size(); ++k) {
          sum += values[k] * left[k * rows + i] * right[k * columns + j];
        }
        CHECK(std::abs(sum - a[i * columns + j]) < 1e-12);
      }
    }
    for (std::size_t i = 0; i < columns; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < columns; ++k)
          sum += right[i * columns + k] * right[j * columns + k];
        CHECK(std::abs(sum - (i == j)) < 1e-12);
      }
    }
    CHECK(ops::singular_values(a, m, n).front() == Approx(values.front()).epsilon(1e-14));
  }
}

TEST_CASE("solve_positive: solves, or says that it cannot") {
  std::vector<double> b{1, 2};
  CHECK(ops::solve_positive({4, 1, 1, 3}, 2, b));
  CHECK(b[0] == Approx(1.0 / 11));
  CHECK(b[1] == Approx(7.0 / 11));
  CHECK_FALSE(ops::solve_positive({1, 2, 2, 1}, 2, b));
}

TEST_CASE("stack_gram: all products of each image's gradients") {
  const std::int64_t images = 3, count = 7, size = 2 * 3 * 173;  // a run and a rest
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Tensor x({count * images, 2, 3, 173}, dtype, Tag::activation);
    const std::vector<double> numbers = random(static_cast<std::size_t>(x.size()), 3);
    with_float(dtype, "test", [&]<class T>() {
      for (std::int64_t i = 0; i < x.size(); ++i) {
        x.data<T>()[i] = static_cast<T>(numbers[static_cast<std::size_t>(i)]);
      }
    });
    const Tensor gram({images, count, count}, Dtype::f64, Tag::workspace);
    ops::stack_gram(x, images, gram);
    double worst = 0;
    for (std::int64_t n = 0; n < images; ++n) {
      for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t j = 0; j < count; ++j) {
          double sum = 0;
          for (std::int64_t k = 0; k < size; ++k) {
            sum += numbers[static_cast<std::size_t>((i * images + n) * size + k)] *
                   numbers[static_cast<std::size_t>((j * images + n) * size + k)];
          }
          worst = std::max(worst, std::abs(gram.data<double>()[(n * count + i) * count + j] - sum));
        }
      }
    }
    CHECK(worst < (dtype == Dtype::f32 ? 1e-3 : 1e-10));
    CHECK_THROWS_AS(ops::stack_gram(x, 2, gram), Error);
  }
}
