#include "ops/lapack.h"

#include <lapacke.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/linalg.h"

namespace rn::ops {
namespace {

void check_finite(std::span<const double> values, const char* who) {
  for (const double value : values) {
    if (!std::isfinite(value)) fail(ErrorKind::numeric, "{}: a value is not finite", who);
  }
}

// Whether the vector points the other way than it should.
bool reversed(std::span<const double> vector) {
  double most = 0;
  for (const double x : vector) most = std::max(most, std::abs(x));
  for (const double x : vector) {
    if (std::abs(x) >= most * (1 - 1e-9)) return x < 0;
  }
  return false;
}

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

std::vector<double> symmetric_eigenvalues(std::span<const double> matrix, std::int64_t n,
                                          std::vector<double>* vectors) {
  require(n >= 1 && matrix.size() == size(n * n), "symmetric_eigenvalues: {} values for {} x {}",
          matrix.size(), n, n);
  check_finite(matrix, "symmetric_eigenvalues");
  single_threaded();
  std::vector<double> a(matrix.begin(), matrix.end()), values(size(n));
  const auto order = static_cast<lapack_int>(n);
  const lapack_int info = LAPACKE_dsyev(LAPACK_ROW_MAJOR, vectors ? 'V' : 'N', 'U', order, a.data(),
                                        order, values.data());
  if (info != 0) fail(ErrorKind::failed, "symmetric_eigenvalues: LAPACK says {}", info);
  std::reverse(values.begin(), values.end());
  if (!vectors) return values;
  vectors->assign(size(n * n), 0);
  for (std::int64_t k = 0; k < n; ++k) {
    const auto row = std::span(*vectors).subspan(size(k * n), size(n));
    for (std::int64_t i = 0; i < n; ++i) row[size(i)] = a[size(i * n + n - 1 - k)];
    if (reversed(row)) {
      for (double& x : row) x = -x;
    }
  }
  return values;
}

std::vector<double> singular_values(std::span<const double> matrix, std::int64_t m, std::int64_t n,
                                    std::vector<double>* right, std::vector<double>* left,
                                    bool complete) {
  require(m >= 1 && n >= 1 && matrix.size() == size(m * n),
          "singular_values: {} values for {} x {}", matrix.size(), m, n);
  check_finite(matrix, "singular_values");
  single_threaded();
  const std::int64_t least = std::min(m, n), rows = complete ? n : least;
  std::vector<double> a(matrix.begin(), matrix.end()), values(size(least)), u(size(m * least)),
      vt(size(rows * n)), work(size(least));
  const bool vectors = right || left;
  const lapack_int info = LAPACKE_dgesvd(
      LAPACK_ROW_MAJOR, vectors ? 'S' : 'N', vectors ? (complete ? 'A' : 'S') : 'N',
      static_cast<lapack_int>(m), static_cast<lapack_int>(n), a.data(), static_cast<lapack_int>(n),
      values.data(), u.data(), static_cast<lapack_int>(least), vt.data(),
      static_cast<lapack_int>(n), work.data());
  if (info != 0) fail(ErrorKind::failed, "singular_values: LAPACK says {}", info);
  if (!vectors) return values;
  if (left) left->assign(size(least * m), 0);
  for (std::int64_t k = 0; k < rows; ++k) {
    const auto row = std::span(vt).subspan(size(k * n), size(n));
    const double sign = reversed(row) ? -1 : 1;
    for (double& x : row) x *= sign;
    for (std::int64_t i = 0; left && k < least && i < m; ++i) {
      (*left)[size(k * m + i)] = sign * u[size(i * least + k)];
    }
  }
  if (right) *right = std::move(vt);
  return values;
}

bool solve_positive(std::vector<double> matrix, std::int64_t n, std::span<double> b) {
  require(n >= 1 && matrix.size() == size(n * n) && b.size() == size(n),
          "solve_positive: {} values and {} for {} x {}", matrix.size(), b.size(), n, n);
  single_threaded();
  const auto order = static_cast<lapack_int>(n);
  return LAPACKE_dposv(LAPACK_ROW_MAJOR, 'U', order, 1, matrix.data(), order, b.data(), 1) == 0;
}

}  // namespace rn::ops
