#include "ops/linalg.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <limits>
#include <mutex>

#include "base/error.h"

namespace rn::ops {
namespace {

// The cases that the libraries leave open: nothing to add, or nothing to write. True when done.
template <class T>
bool trivial(std::int64_t m, std::int64_t n, std::int64_t k, T beta, T* c, std::int64_t ldc) {
  if (m == 0 || n == 0) return true;
  if (k != 0) return false;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) c[i * ldc + j] = beta == 0 ? T(0) : beta * c[i * ldc + j];
  }
  return true;
}

}  // namespace

void single_threaded() {
  thread_local const bool done = [] {
    static std::once_flag once;
    std::call_once(once, [] { openblas_set_num_threads(1); });
    omp_set_num_threads(1);  // of this thread's regions only: oneDNN asks OpenMP
    return true;
  }();
  static_cast<void>(done);
}

void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
          float alpha, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
          float beta, float* c, std::int64_t ldc) {
  if (trivial(m, n, k, beta, c, ldc)) return;
  single_threaded();
  const dnnl_status_t status = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k,
                                          alpha, a, lda, b, ldb, beta, c, ldc);
  if (status != dnnl_success) {
    fail(ErrorKind::failed, "gemm: oneDNN refused a {} x {} x {} product (status {})", m, n, k,
         static_cast<int>(status));
  }
}

void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const double* a, std::int64_t lda, const double* b, std::int64_t ldb,
          double beta, double* c, std::int64_t ldc) {
  if (trivial(m, n, k, beta, c, ldc)) return;
  if (std::max({m, n, k, lda, ldb, ldc}) > std::numeric_limits<int>::max()) {
    fail(ErrorKind::failed, "gemm: a {} x {} x {} product is larger than OpenBLAS can index", m, n,
         k);
  }
  single_threaded();
  cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
              transpose_b ? CblasTrans : CblasNoTrans, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), alpha, a, static_cast<blasint>(lda),
              b, static_cast<blasint>(ldb), beta, c, static_cast<blasint>(ldc));
}

}  // namespace rn::ops
