// A pre-activation branch by itself, conv_k(ReLU(BN_k(... conv_1(ReLU(BN_1(x)))))): the F and G of
// a reversible block. x and what it is added to are f32 or f64; inside, activations may be bf16.
#pragma once

#include <string>
#include <vector>

#include "nn/block_spec.h"
#include "nn/conv.h"
#include "nn/norm.h"

namespace rn::nn {

class Branch {
 public:
  struct Saved {
    std::vector<Tensor> raw;            // outputs of the convolutions, but for the last
    std::vector<ops::Moments> moments;  // of these
    std::vector<BatchNorm::Saved> norms;
    Tensor narrow;   // bf16 inside: what the first convolution read
    void release();  // gives the activations back to the pool
  };

  // Where the result goes: output := beta * residual + alpha * branch(x), on the pass's grid.
  struct Add {
    Tensor residual;  // undefined: 0; may be output
    double beta = 1, alpha = 1;
    Tensor output;
    ops::Moments* moments = nullptr;  // of output
  };

  // Of the spec: kind, stride, widths (its own, not a whole block's), the first norm; parameters
  // NAME.bn1.weight, NAME.conv1.weight, ... `inside`: dtype of the activations within.
  Branch(const std::string& name, const BlockSpec& spec, Dtype inside, Store& store);

  // `of_x`: moments of x, read with batch statistics where there is a first norm. Returns the
  // largest magnitude of the output on a grid, else 0.
  double forward(const Tensor& x, const ops::Moments& of_x, const Add& to, const Pass& pass,
                 Saved& saved) const;
  // The same once more, with the norms as they were in forward: bit by bit what was added there.
  double again(const Tensor& x, const Add& to, const Pass& pass, Saved& saved) const;

  // d: gradient of alpha * branch(x). Returns that of x, which may not be written yet; parameters'
  // gradients are added.
  ops::Gradient backward(const Tensor& d, double alpha, const Tensor& x, const Pass& pass,
                         Saved& saved) const;

  Shape output_shape(const Shape& input) const;
  void commit(const Saved& saved, std::vector<ops::BatchNormUpdate>& to,
              std::optional<double> momentum) const;
  // Name of the first layer whose output was not finite, or empty.
  std::string first_nonfinite(const Saved& saved) const;

 private:
  double run(const Tensor& x, const ops::Moments* of_x, const Add& to, const Pass& pass,
             Saved& saved) const;
  double last(ops::ConvForward args, const Add& to, const Pass& pass) const;
  // What the first convolution reads, as a value not written yet; of the others.
  ops::Operand first(const Tensor& x, const Saved& saved) const;
  ops::Operand inner(std::size_t conv, const Saved& saved) const;
  std::size_t norm_of(std::size_t conv) const { return conv - (convs_.size() - norms_.size()); }
  bool has_first_norm() const { return norms_.size() == convs_.size(); }
  bool narrow() const { return inside_ == Dtype::bf16; }

  Dtype inside_;
  std::vector<Conv> convs_;
  std::vector<BatchNorm> norms_;
};

}  // namespace rn::nn
