// Small dense problems in double precision, single-threaded, through LAPACK. Row-major; sizes
// from 1.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rn::ops {

// Eigenvalues of a symmetric matrix [n, n] (its upper triangle is read), largest first. With
// `vectors`, an orthonormal basis in its rows; of each vector the component of largest magnitude is
// positive (among nearly equal ones the first), so that a simple eigenvalue's vector is unique.
// Errors: numeric, where a value is not finite.
std::vector<double> symmetric_eigenvalues(std::span<const double> matrix, std::int64_t n,
                                          std::vector<double>* vectors = nullptr);

// Singular values of a matrix [m, n], min(m, n) of them, largest first: their squares are the
// eigenvalues of A'A without the loss of half the digits. With `right` (and `left`), orthonormal
// vectors in rows, [min, n] (and [min, m]); signs as above, by the right ones. `complete`: right is
// [n, n], where n > m with a basis of the kernel.
std::vector<double> singular_values(std::span<const double> matrix, std::int64_t m, std::int64_t n,
                                    std::vector<double>* right = nullptr,
                                    std::vector<double>* left = nullptr, bool complete = false);

// Solves A x = b for a symmetric positive definite matrix [n, n]; b becomes x. False: it is not.
bool solve_positive(std::vector<double> matrix, std::int64_t n, std::span<double> b);

}  // namespace rn::ops
