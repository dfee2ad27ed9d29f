// The reversible unit of Gomez, Ren, Urtasun, Grosse 2017: the channels go in two halves, as a
// state (ops/stream.h),
//
//   y1 = S(x1) + F(x2),  y2 = S(x2) + G(y1),
//
// so that, where the shortcut S is the identity, x2 = y2 - G(y1) and x1 = y1 - F(x2). Backward does
// that as it goes (Algorithm 1): one evaluation of G gives x2 and what G's backward reads, one of F
// gives x1 and what F's backward reads. Norms keep the batch's statistics of the forward pass.
#pragma once

#include <optional>

#include "nn/branch.h"
#include "nn/pass.h"
#include "ops/pool.h"

namespace rn::nn {

struct Gate;
struct Gates;

class Reversible {
 public:
  struct Saved {
    bool enters = false;   // the input was no state
    bool inverts = false;  // backward computes x from y
    Tensor x, y;           // states; y only between forward and backward, where it is stored
    ops::Moments x_moments, y1_moments, y2_moments;  // of x: of the second half
    Branch::Saved f, g;
    void release();
  };

  // `inside`: dtype of the activations within F and G; states are of type wide(inside).
  Reversible(const BlockSpec& spec, Dtype inside, Store& store);

  // in: a state, plain, or what a state is made from, [N, H, W, in], not necessarily written yet.
  // Errors: numeric, where a value leaves the grid of the pass.
  Signal forward(const Signal& in, const Gates& gates, const Pass& pass, Saved& saved) const;
  // From the gradient of the output state to that of the input: of its operand, as Residual has it,
  // where it was no state. With saved.inverts, saved.y must be the output; afterwards it is the
  // input (saved.x), in the same memory, and the gradient too stays in its memory.
  ops::Gradient backward(const ops::Gradient& d_out, const Signal& in, const Gates& gates,
                         const Pass& pass, Saved& saved) const;
  // The input state that gave the output y, in memory of its own, with the norms as they were in
  // the forward pass. Errors: usage, where the shortcut changes the shape or is switched off.
  Tensor inverse(const Tensor& y, const Gates& gates, const Pass& pass, Saved& saved) const;

  void commit(const Saved& saved, const Gates& gates, std::vector<ops::BatchNormUpdate>& to,
              std::optional<double> momentum) const;
  std::string first_nonfinite(const Saved& saved) const;

 private:
  bool identity() const { return spec_.shortcut == ShortcutKind::identity; }
  ops::PadShortcut pad() const;
  // S of half number k; of a gradient back, added up by the caller. `to`: where it goes, if given.
  Tensor shortcut(int k, const Tensor& x, const Pass& pass) const;
  Tensor shortcut_backward(int k, const Tensor& d, const Tensor& x, const Tensor& to,
                           const Pass& pass) const;
  Tensor state_of(const Signal& in, const Pass& pass, Saved& saved, ops::Moments& moments) const;
  void check_range(double largest, Dtype dtype, const Pass& pass) const;

  BlockSpec spec_;
  std::optional<Branch> f_, g_;
  std::optional<Conv> shortcuts_[2];  // BN-less projections, one a half
};

}  // namespace rn::nn
