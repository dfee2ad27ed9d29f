// Dense products on the CPU, single-threaded: parallelism is the caller's, in fixed lanes, so that
// bytes do not depend on the number of threads. f32 through oneDNN, f64 through OpenBLAS.
#pragma once

#include <cstdint>

namespace rn::ops {

// Row-major C [m, n] := alpha * op(A) * op(B) + beta * C, where op(A) [m, k] is A or A^T and
// op(B) [k, n] is B or B^T; lda, ldb, ldc are row strides of the matrices as stored. beta = 0 does
// not read C. k = 0 scales C by beta. Errors: failed, should a library refuse.
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
          float alpha, const float* a, std::int64_t lda, const float* b, std::int64_t ldb,
          float beta, float* c, std::int64_t ldc);
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
          double alpha, const double* a, std::int64_t lda, const double* b, std::int64_t ldb,
          double beta, double* c, std::int64_t ldc);

// Keeps oneDNN and OpenBLAS to the calling thread. Called by gemm; whoever calls these libraries
// directly calls it first, on each thread. Cheap.
void single_threaded();

}  // namespace rn::ops
