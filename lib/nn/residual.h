// The block: residual, post- and pre-activation: y = [ReLU](shortcut(x) + branch(x)). Branch and
// shortcut have a gate each, separately for forward and backward, at run time; each can be
// differentiated alone. Deleting a block switches its branch off: a non-identity shortcut and a
// ReLU after the addition stay. And the plain layer that residual blocks are compared with, whose
// deletion hands the (pooled) input on. A reversible block has two branches and no one shortcut
// (nn/reversible.h); its gates are those of both.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "nn/block_spec.h"
#include "nn/conv.h"
#include "nn/norm.h"
#include "nn/reversible.h"
#include "nn/stack.h"
#include "ops/pool.h"

namespace rn::nn {

struct Gate {
  double branch = 1;    // factor of the branch; 0: not computed at all
  double shortcut = 1;  // factor of the shortcut
};
struct Gates {
  Gate forward;
  Gate backward;  // times forward's: factor of the gradient that flows through each
  // i32 [n]: the images that have the branch, at least one (stochastic depth by image, in training
  // only). Undefined: all of them.
  Tensor rows;
};

// Ties a block to one of another network, at their inputs, which are of one shape: one lends its
// value, and the other's branch reads it beside its own (its shortcut does not). Post-activation
// blocks only.
struct Tie {
  enum class Kind {
    none,
    lends,
    adds,        // the branch reads x + gate * value
    multiplies,  // the branch reads x * (1 - gate + gate * value)
  };
  Kind kind = Kind::none;
  double gate = 1;  // 0: as if there were no tie
  // The reader's x is the value before the ReLU of its input, if that has one (not in a pass that
  // folds norms: the ReLU is done then). The shortcut reads behind it.
  bool before_relu = false;
  Tensor value;  // lends: set by forward; else read by it, and by backward
  // The gradient of `value` for the lender: there added by backward to its own, if defined; else
  // set by it (undefined: 0).
  Tensor d_value;
  Tensor raw;    // before_relu: that value, kept for backward
  Tensor scale;  // [C]: memory for the gate
  bool reads() const { return (kind == Kind::adds || kind == Kind::multiplies) && gate != 0; }
};

class Residual {
 public:
  struct Saved {
    Signal in;
    Gates gates;                        // as they were in forward
    Tensor value;                       // the input's value (plain: behind the pool)
    Tensor unpooled;                    // plain: before it
    Tensor activated;                   // pre, shared: ReLU(BN(value))
    ops::Moments value_moments;         // pre: the producer's, or
    ops::Moments own_moments;           // where it did not know them
    std::vector<Tensor> raw;            // outputs of the convolutions
    std::vector<ops::Moments> moments;  // of these
    std::vector<BatchNorm::Saved> norms;
    Tensor shortcut_raw;
    ops::Moments shortcut_moments;
    BatchNorm::Saved shortcut_norm;
    Tensor shortcut_scale;
    std::shared_ptr<Saved> branch, all;  // with gates.rows: of the kept images' branch, of the rest
    Reversible::Saved states;            // of a reversible block, beside `in` and `gates`

    void release();  // gives the activations back to the pool
  };

  // Makes its parameters in the store, under spec.name. `activations`: their dtype, if it is not
  // the store's. Errors (input): see check(spec).
  Residual(const BlockSpec& spec, Store& store, std::optional<Dtype> activations = {});

  const BlockSpec& spec() const { return spec_; }
  Gates gates;

  // [N, H, W, in] -> [N, ceil(H/stride), ceil(W/stride), out]. With pass.keep, `saved` holds what
  // backward needs. What leaves a reversible block, and enters all but the first, is a state, [2N,
  // H, W, C/2] (ops/stream.h).
  Signal forward(const Signal& in, const Pass& pass, Saved& saved, Tie* tie = nullptr) const;

  // d_out: the gradient with respect to the *operand* of the output signal before its activation,
  // with the signal's reductions filled in. Returns the gradient with respect to the input's
  // operand before its activation (perhaps not written yet), and fills in the input's reductions.
  // Parameters' gradients are added where they exist.
  ops::Gradient backward(const ops::Gradient& d_out, const Pass& pass, Saved& saved,
                         Tie* tie = nullptr) const;

  // The input state of a reversible block from its output, see nn/reversible.h. Errors (usage): the
  // block has no inverse.
  Tensor inverse(const Tensor& output, const Pass& pass, Saved& saved) const;

  // backward() for a stack of gradients (ops/stack.h), with frozen statistics: gradient j that
  // leaves is gradient rows[j].conv of `g` through the branch plus gradient rows[j].add through the
  // shortcut. With `mask` as backward() has it; without, they are gradients with respect to the
  // input's value, behind its activation. The result is of arena.take_out(); `weights` may be null.
  Tensor backward_stack(const Tensor& g, std::span<const ops::StackRow> rows, bool mask,
                        const Pass& pass, const Saved& saved, StackArena& arena,
                        const StackWeights* weights) const;
  // What that takes of the arena for each gradient that enters and each image of [height, width],
  // beside the stacks that enter and leave.
  std::int64_t stack_elements(std::int64_t height, std::int64_t width) const;

  // Takes the batch's statistics into the running ones.
  void commit(const Saved& saved, std::vector<ops::BatchNormUpdate>& to,
              std::optional<double> momentum = {}) const;

  // Jacobian-vector product with frozen statistics: from the derivative of the input's value to
  // that of the output's, before the ReLU behind an addition, which is the output signal's. `saved`
  // of a forward pass that kept its activations; gates as in it. [N, H, W, in], memory of its own.
  Tensor tangent(const Tensor& d_in, const Pass& pass, const Saved& saved) const;

  // Name of the first layer whose statistics or outputs are not finite, or empty.
  std::string first_nonfinite(const Saved& saved) const;

 private:
  Signal forward_post(const Signal& in, const Pass& pass, Saved& saved, Tie* tie = nullptr) const;
  Signal forward_pre(const Signal& in, const Pass& pass, Saved& saved) const;
  Signal forward_rows(const Signal& in, const Pass& pass, Saved& saved) const;
  ops::Gradient backward_rows(const ops::Gradient& d_out, const Pass& pass, Saved& saved) const;
  Signal forward_ck(const Signal& in, const Pass& pass, Saved& saved) const;
  ops::Gradient backward_ck(const ops::Gradient& d_out, const Pass& pass, Saved& saved) const;
  Signal forward_plain(const Signal& in, const Pass& pass, Saved& saved) const;
  ops::Gradient backward_plain(const ops::Gradient& d_out, const Pass& pass, Saved& saved) const;
  Signal forward_post_folded(const Signal& in, const Pass& pass, Saved& saved, Tie* tie) const;
  ops::Gradient backward_post(const ops::Gradient& d_out, const Pass& pass, Saved& saved,
                              Tie* tie = nullptr) const;
  // What a tied branch reads, of the input's value, and that value before its ReLU.
  // residual_tie.cpp.
  Tensor before_activation(const ops::Operand& value, const Pass& pass) const;
  ops::Operand tied(const Tensor& value, Tie& tie, const Pass& pass) const;
  // From the gradient of that to those of the lender's value and (returned) of the input's operand.
  ops::Gradient tied_backward(const Tensor& d, const Tensor& through_shortcut, Tie& tie,
                              const Pass& pass, Saved& saved) const;
  // Of the lender: its gradient and that of what it lent.
  Tensor lent_backward(const Tensor& d_value, const Tie& tie, const Pass& pass) const;
  ops::Gradient backward_pre(const ops::Gradient& d_out, const Pass& pass, Saved& saved) const;

  // The shortcut of `value` as a raw tensor (before its norm).
  Tensor shortcut_forward(const Tensor& value, const Pass& pass, Saved& saved) const;
  Tensor shortcut_stack(const Tensor& g, const Tensor& value, const Pass& pass, const Saved& saved,
                        StackArena& arena) const;
  ops::PadShortcut pad_shortcut() const;
  // Gradient with respect to `value` through the shortcut, times scale.
  Tensor shortcut_backward(const Tensor& d, double scale, const Tensor& value, const Pass& pass,
                           Saved& saved) const;
  // From the gradient of the last convolution's output (times alpha: pre) down to that of the
  // first's.
  ops::Gradient branch_backward(ops::Gradient g, double alpha, const Pass& pass,
                                Saved& saved) const;
  ops::Operand inner(std::size_t conv, const Saved& saved) const;  // input of convolution 1, 2, ...
  // From the gradient of the input's value (undefined: zero) to that of its operand.
  ops::Gradient pass_back(const Tensor& d_value, const Pass& pass, Saved& saved) const;
  Tensor zero_output(const Tensor& value, const Pass& pass) const;  // where both gates are off
  Tensor constant(double value, Saved& saved) const;                // [out], kept in saved
  bool pre() const { return spec_.order == Order::pre; }
  // Whether the branch runs on some of the images only.
  bool by_rows(const Saved& saved) const {
    return saved.gates.rows.defined() && saved.gates.forward.branch != 0;
  }
  bool plain() const { return spec_.kind == BlockKind::plain; }
  bool ck() const { return spec_.kind == BlockKind::ck; }
  ops::CkStep ck_step(const Gate& gate) const;

  BlockSpec spec_;
  std::optional<Reversible> reversible_;  // then there is nothing else
  std::vector<Conv> convs_;
  std::vector<BatchNorm> norms_;  // post: after each convolution; pre: before each
  std::optional<Conv> shortcut_conv_;
  std::optional<BatchNorm> shortcut_norm_;
  ParameterPtr linear_weight_, linear_bias_;  // ck
};

}  // namespace rn::nn
