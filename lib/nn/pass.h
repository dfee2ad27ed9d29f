// What travels between layers, and the circumstances of one pass through the network.
#pragma once

#include <string>

#include "ops/dropout.h"
#include "ops/operand.h"
#include "ops/pointwise.h"
#include "tensor/pool.h"

namespace rn::nn {

// A value between two layers, not necessarily written yet, and what its producer wants to know.
struct Signal {
  ops::Operand value;
  ops::Moments moments;        // of value, when it is plain and they are known (count > 0); of a
                               // reversible block's state (ops/stream.h): of its second half
  ops::Reductions reductions;  // what the consumer's backward must sum for the producer's norms
};

// Is told where a pass has got to: for the account of its memory.
class Trace {
 public:
  virtual ~Trace() = default;
  // A layer ("stem", "head") or block is done, in this direction.
  virtual void passed(const std::string& name, bool backward) = 0;
};

struct Pass {
  TensorPool& pool;
  Stream& stream = default_stream(pool.device());
  bool batch_statistics = false;  // norms use the batch's statistics (training), else running ones
  bool keep = false;              // layers keep in their Saved what backward needs
  // Training under stochastic depth: the gates say which branches are there. Otherwise a branch is
  // scaled by its probability to be there (Huang et al. 2016).
  bool sampled_depth = false;
  const ops::Dropout* dropout = nullptr;  // of the features before the last layer; null: none
  // With batch_statistics and keep: blocks that can be inverted keep nothing but statistics, and
  // write their output over their input; backward computes the input again, out of the output that
  // it is handed (models::Network does that).
  bool reversible = false;
  // The stream of reversible blocks: 0: floating point; else it is held on multiples of this power
  // of two (ops/stream.h), so that what backward computes again is the same, bit by bit.
  double grid = 0;
  Trace* trace = nullptr;
  std::int64_t frames = 1;  // of a clip: images are the frames of clips, clip by clip
  bool unfolded = false;    // norms are not folded: values before activations are wanted
  bool any_size = false;    // images may be of another size than the network's table says
  // Nothing but the result is wanted: batch norms may be folded into the convolutions before them.
  // f64 is the reference: it computes every step as it stands.
  bool folds(Dtype dtype) const {
    return !batch_statistics && !keep && !unfolded && dtype != Dtype::f64;
  }
};

// The signal's value as a tensor: x1 itself if plain, else written into memory of the pool.
inline Tensor materialize(const Signal& signal, const Pass& pass) {
  if (signal.value.plain()) return signal.value.x1;
  if (signal.value.stored) return signal.value.stored;
  Tensor value = pass.pool.take(signal.value.shape(), signal.value.x1.dtype());
  ops::operand_forward(signal.value, value, nullptr, pass.stream);
  return value;
}

// Likewise for a gradient.
inline Tensor materialize(const ops::Gradient& gradient, const Pass& pass) {
  if (gradient.plain()) return gradient.g;
  Tensor value = pass.pool.take(gradient.shape(), gradient.g.dtype());
  ops::gradient_forward(gradient, value, pass.stream);
  return value;
}
}  // namespace rn::nn
