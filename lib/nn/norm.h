// Batch normalisation as a layer: parameters, running statistics, and what a pass keeps of it. The
// work over pixels is done by the ops around it.
#pragma once

#include <optional>

#include "nn/parameter.h"
#include "nn/pass.h"
#include "ops/batch_norm.h"

namespace rn::nn {

class BatchNorm {
 public:
  struct Saved {
    ops::Moments moments;  // of the batch; count = 0 when running statistics were used
    ops::Affine affine;
    Tensor mean, inv_std;
    Tensor sums;  // asked for by reduction()
    Tensor p, q, r;
  };

  // Parameters NAME.weight, NAME.bias; states NAME.running_mean, NAME.running_var.
  BatchNorm(const std::string& name, std::int64_t channels, double eps, double momentum,
            Store& store);

  const std::string& name() const { return name_; }

  // The affine map of this pass, times gate. `moments`: of the raw input; read only with batch
  // statistics.
  const ops::Affine& forward(const ops::Moments& moments, double gate, const Pass& pass,
                             Saved& saved) const;

  // In two halves, for a convolution that runs the norm of what it writes (ops::ConvForward::norm):
  // before it, with moments that do not stand yet; afterwards, when they do.
  ops::BatchNormForward behind(const ops::Moments& moments, double gate, Saved& saved) const;
  void ran(const ops::Moments& moments, Saved& saved) const { saved.moments = moments; }

  // What must be summed over the gradient of the output for backward(); raw: the input.
  ops::Reduction reduction(const Tensor& raw, Saved& saved) const;

  // The gradient of the raw input, once the sums stand: p*g + q*raw + r. Adds to the parameters'
  // gradients where these exist.
  ops::Gradient backward(const Tensor& g, const Tensor& raw, double gate, const Pass& pass,
                         Saved& saved) const;

  // Adds to the list what takes the batch's statistics into the running ones: the step is
  // committed. `momentum`: instead of the layer's own, for averages (1, 1/2, 1/3, ...).
  void commit(const Saved& saved, std::vector<ops::BatchNormUpdate>& to,
              std::optional<double> momentum = {}) const;

 private:
  std::string name_;
  std::int64_t channels_;
  double eps_, momentum_;
  ParameterPtr gamma_, beta_;
  StatePtr running_mean_, running_var_;
};

}  // namespace rn::nn
