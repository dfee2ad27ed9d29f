// A C^k network as a chain of maps between coordinates (Hauser and Ray 2017): states at every
// layer, the layers' Jacobians, and the map of the last coordinates into the space whose metric is
// Euclidean, which is what all metrics here are pulled back from. In double precision.
#pragma once

#include <string>
#include <vector>

#include "models/network.h"
#include "tensor/pool.h"

namespace rn::study {

// The metric of the output, always the Euclidean one of some image of the last coordinates x(L):
enum class OutputMetric {
  euclidean,  // of x(L) itself (the paper's)
  logits,     // of the logits W x + b
  fisher,     // of 2 sqrt(softmax(logits)): Fisher's information metric of the class probabilities
};
const char* to_string(OutputMetric metric);
OutputMetric parse_output_metric(const std::string& text);  // errors: usage

// p = softmax(z), and the square root of Fisher's metric on the logits, A'A = diag(p) - pp':
// A_ij = sqrt(p_i) (delta_ij - p_j), [n, n]; 1 - p_i is the sum of the others, so that nothing
// cancels where one class has nearly all. `a` may be null.
void softmax_fisher(const double* z, std::int64_t n, double* p, double* a);

class CkMap {
 public:
  // The network must be of f64 and outlive it. Errors (input): no C^k network.
  CkMap(const models::Network& network, OutputMetric metric);

  std::int64_t layers() const { return network_.block_count(); }
  std::int64_t input() const { return network_.spec().channels; }       // c
  std::int64_t width() const { return network_.spec().head.features; }  // d
  std::int64_t state() const { return network_.spec().stem.out; }       // s
  std::int64_t copies() const { return state() / width(); }             // vectors of the state
  std::int64_t image() const { return image_; }                         // m, of the output map
  double dl() const { return dl_; }
  int order() const { return order_; }

  // States of n points [n, c] at boundaries 0 .. layers: each [n, s].
  std::vector<std::vector<double>> states(const std::vector<double>& points) const;
  // Jacobians of a layer at states [n, s]: [n, s, s], row i the gradient of output i (by
  // vector-Jacobian products).
  std::vector<double> jacobians(std::int64_t layer, const std::vector<double>& states) const;
  // The layer's derivative along a tangent [n, s] (by Jacobian-vector products).
  std::vector<double> push(std::int64_t layer, const std::vector<double>& states,
                           const std::vector<double>& tangents) const;
  // Logits [n, classes] of states at the last boundary.
  std::vector<double> logits(const std::vector<double>& states) const;

  // The output map phi at last states [n, s]: values [n, m]; and its Jacobian with respect to the
  // state, [n, m, s] (zero but for the coordinates).
  std::vector<double> output(const std::vector<double>& states) const;
  std::vector<double> output_jacobians(const std::vector<double>& states) const;

  // phi of points, and its Jacobian with respect to the point, [n, m, c], through all layers.
  std::vector<double> values(const std::vector<double>& points) const;
  void values_and_jacobians(const std::vector<double>& points, std::vector<double>& values,
                            std::vector<double>& jacobians) const;

 private:
  const models::Network& network_;
  OutputMetric metric_;
  std::int64_t image_ = 0;
  double dl_ = 1;
  int order_ = 1;
  Tensor weight_, bias_;  // of the head
  mutable TensorPool pool_;
};

// Row-major products of small matrices: c [m, n] := a [m, k] b [k, n], for each of `count` pairs.
std::vector<double> products(const std::vector<double>& a, const std::vector<double>& b,
                             std::int64_t count, std::int64_t m, std::int64_t k, std::int64_t n);

}  // namespace rn::study
