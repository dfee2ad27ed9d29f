// Backward through a network block by block, with branch and shortcut apart: what sampled paths and
// the gradient by path length are made of. Between blocks stand gradients with respect to the
// boundaries' values, or (masked) to those before the last activation, which blocks take up.
#pragma once

#include "models/network.h"

namespace rn::study {

// Errors (input): a network without residual blocks, or with layers that have no shortcut.
void require_paths(const models::NetworkSpec& spec);

class GradientPass {
 public:
  // Forward through the whole network; keeps what backward needs. Labels: i32 [N]. Everything must
  // outlive the pass.
  GradientPass(const models::Network& network, const nn::Pass& pass, models::Saved& saved,
               const Tensor& images, const Tensor& labels);

  std::int64_t images() const { return images_; }
  // Of the cross-entropy, summed over the images: at the last boundary.
  Tensor head(bool masked);
  // Through block i, from boundary i + 1 (masked) to boundary i; the parts have the factors of
  // `way`. The result belongs to the caller until the next call.
  Tensor block(std::int64_t i, const Tensor& d, const nn::Gate& way, bool masked);
  // From boundary 0 (masked) to the images.
  Tensor stem(const Tensor& d);
  // The activation before boundary i, whose mask makes a value's gradient a masked one.
  const ops::Operand& activation(std::int64_t i) const;

 private:
  // The sums that the norms before boundary i need, where statistics are the batch's.
  void reduce(std::int64_t i, const Tensor& d);

  const models::Network& network_;
  const nn::Pass& pass_;
  models::Saved& saved_;
  std::int64_t images_;
  Tensor d_logits_;
};

}  // namespace rn::study
