#include "study/gradient_pass.h"

#include "ops/loss.h"

namespace rn::study {

void require_paths(const models::NetworkSpec& spec) {
  for (const nn::BlockSpec& block : spec.blocks) {
    if (block.kind == nn::BlockKind::ck) {
      fail(ErrorKind::input, "'{}' is a C^k network; resnet-geometry shows what it does",
           spec.arch);
    }
    if (block.kind == nn::BlockKind::plain) {
      fail(ErrorKind::input,
           "the network '{}' has layers without shortcuts ('{}'): there are no paths of different "
           "lengths",
           spec.arch, block.name);
    }
    if (block.reversible) {
      fail(ErrorKind::input,
           "the network '{}' is reversible: a block like '{}' has two branches, one behind the "
           "other, so that its paths have no length in blocks",
           spec.arch, block.name);
    }
  }
  if (spec.blocks.empty()) {
    fail(ErrorKind::input, "the network '{}' has no residual blocks: there are no paths",
         spec.arch);
  }
}

GradientPass::GradientPass(const models::Network& network, const nn::Pass& pass,
                           models::Saved& saved, const Tensor& images, const Tensor& labels)
    : network_(network), pass_(pass), saved_(saved), images_(images.dim(0)) {
  require(pass.keep, "GradientPass: the pass must keep its activations");
  const Tensor logits = network.forward(images, pass, saved);
  d_logits_ = pass.pool.take(logits.shape(), logits.dtype());
  const Device device = logits.device();
  const Tensor losses({images_}, Dtype::f64, Tag::workspace, device);
  ops::softmax_cross_entropy({}, logits, labels.on(device), losses, d_logits_, pass.stream);
}

Tensor GradientPass::head(bool masked) {
  return nn::materialize(network_.head_backward(d_logits_, pass_, saved_, masked), pass_);
}

Tensor GradientPass::block(std::int64_t i, const Tensor& d, const nn::Gate& way, bool masked) {
  reduce(i + 1, d);
  nn::Residual::Saved& kept = saved_.blocks[static_cast<std::size_t>(i)];
  const nn::Gates gates = kept.gates;
  const ops::Operand in = kept.in.value;
  kept.gates.backward = way;
  if (!masked) kept.in.value = ops::operand(kept.value);
  Tensor out = nn::materialize(network_.block(i).backward(ops::gradient(d), pass_, kept), pass_);
  kept.gates = gates;
  kept.in.value = in;
  return out;
}

Tensor GradientPass::stem(const Tensor& d) {
  reduce(0, d);
  return network_.stem_backward(ops::gradient(d), pass_, saved_, true);
}

const ops::Operand& GradientPass::activation(std::int64_t i) const {
  return i == network_.block_count() ? saved_.last.value
                                     : saved_.blocks[static_cast<std::size_t>(i)].in.value;
}

void GradientPass::reduce(std::int64_t i, const Tensor& d) {
  if (!pass_.batch_statistics) return;
  const ops::Reductions& wanted = i == network_.block_count()
                                      ? saved_.last.reductions
                                      : saved_.blocks[static_cast<std::size_t>(i)].in.reductions;
  if (!wanted[0].sums && !wanted[1].sums) return;
  ops::operand_backward(ops::gradient(d), ops::operand(d), d, wanted, pass_.stream);
}

}  // namespace rn::study
