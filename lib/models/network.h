// A residual network made from its spec. The studies and the trainer are short programs over this
// interface; none of them names a device.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/network_spec.h"
#include "nn/residual.h"

namespace rn::models {

// Everything one pass keeps: hand the same object to forward and backward. Memory is reused from
// pass to pass.
struct Saved {
  nn::Signal images;  // the input
  Tensor stem_raw;
  ops::Moments stem_moments;
  nn::BatchNorm::Saved stem_norm;
  Tensor stem_value;                        // before the max pool, where there is one
  std::vector<nn::Signal> checkpoints;      // what every segment of blocks got (see Checkpoints)
  std::vector<nn::Residual::Saved> blocks;  // by position in the table
  // Ties to another network's blocks, by position; empty: none. The caller's: release() leaves
  // them.
  std::vector<nn::Tie> ties;
  nn::Signal last;  // what the head got
  ops::Moments head_moments;
  nn::BatchNorm::Saved head_norm;
  ops::Operand head_operand;  // reversible: of the joined halves
  Tensor frame_values;        // with pooling over time: what it pools, ...
  Tensor pooled;              // ... and before the average, its result
  Tensor features;            // [N, C] after pooling

  void release();  // gives the activations back to the pool
};

// Which blocks keep what backward needs, in training: all of them, or (Chen et al. 2016) only the
// last segment of them; of the others the input is kept, and backward runs each once more.
struct Checkpoints {
  std::int64_t segment = 0;  // blocks in one; 0: everything is kept
  // As many as make segments and blocks in one about as many: memory grows as the root of depth.
  static Checkpoints root(std::int64_t blocks);
};

class Network {
 public:
  // dtype: of activations; with bf16 parameters, statistics, features and logits are f32.
  // Parameters are zero until initialize() or until values are loaded. Errors: input, see
  // check(spec); device, where the processor cannot compute with the type.
  // `prefix` goes before the names of its parameters and states.
  Network(NetworkSpec spec, Dtype dtype, Device device = cpu, const std::string& prefix = {});

  const NetworkSpec& spec() const { return spec_; }
  Dtype dtype() const { return dtype_; }  // of activations
  nn::Store& store() { return store_; }
  const nn::Store& store() const { return store_; }
  void initialize(std::uint64_t seed, double gain = 1) { store_.initialize(seed, gain); }

  // Blocks, by position in the table or by name. Errors (usage): unknown name; lists the valid
  // ones.
  std::int64_t block_count() const { return static_cast<std::int64_t>(blocks_.size()); }
  nn::Residual& block(std::int64_t index) { return blocks_.at(static_cast<std::size_t>(index)); }
  const nn::Residual& block(std::int64_t index) const {
    return blocks_.at(static_cast<std::size_t>(index));
  }
  std::int64_t block_index(const std::string& name) const;

  // The order in which the blocks run: a permutation of 0 .. n-1 (identity at first). Only blocks
  // of the same stage and shape may change places. Errors (usage).
  void set_order(const std::vector<std::int64_t>& order);
  const std::vector<std::int64_t>& order() const { return order_; }

  // Of forward() and backward() with the batch's statistics and pass.keep. Results are the same,
  // bit by bit.
  Checkpoints checkpoints;

  // Whether there are blocks whose input can be computed from their output (pass.reversible).
  bool reversible() const;
  void reset_gates();  // every gate 1, identity order

  // images [N, H, W, C] -> logits [N, classes], on the network's device. Images of another device
  // are copied first: the same for enter(). With pass.frames > 1 images are the frames of clips,
  // and logits fewer where the head pools over time (HeadSpec).
  Tensor forward(const Tensor& images, const nn::Pass& pass, Saved& saved) const;
  // Adds to the parameters' gradients (where they exist). d_logits [N, classes]. Returns the
  // gradient of the images if wanted, else an undefined tensor.
  Tensor backward(const Tensor& d_logits, const nn::Pass& pass, Saved& saved,
                  bool want_images = false) const;

  // The two ends of it: from the gradient of the logits to that of the last block's output, and
  // from that of the first block's input to that of the images. Gradients between blocks are those
  // of the operands before their activation; with `mask` off, of the values behind it. Blocks and
  // stem take sums that go with a gradient from the signals' reductions: see nn::Residual.
  ops::Gradient head_backward(const Tensor& d_logits, const nn::Pass& pass, Saved& saved,
                              bool mask = true) const;
  Tensor stem_backward(const ops::Gradient& d_first, const nn::Pass& pass, Saved& saved,
                       bool want_images) const;
  // The latter for a stack of gradients, with frozen statistics: [K * N, ...] to [K * N, H, W, C],
  // memory of its own.
  void stem_stack(const Tensor& d_first, const Tensor& d_images, const nn::Pass& pass,
                  Saved& saved) const;

  // Boundaries: 0 is what the first block gets, n what the head gets; values are plain tensors
  // [N, H, W, C] (after a post-activation block's ReLU); behind a reversible block they are states,
  // [2N, H, W, C/2] (ops/stream.h).
  Tensor enter(const Tensor& images, const nn::Pass& pass, Saved& saved) const;
  Tensor forward(const Tensor& value, std::int64_t from, std::int64_t to, const nn::Pass& pass,
                 Saved& saved) const;
  Tensor leave(const Tensor& value, const nn::Pass& pass, Saved& saved) const;
  // Vector-Jacobian product of one block (by its place in the order) at the boundary value x:
  // v has the shape of the block's output; through branch and shortcut with the factors of `gate`.
  Tensor block_vjp(std::int64_t place, const Tensor& x, const Tensor& v, const nn::Gate& gate,
                   const nn::Pass& pass, Saved& saved) const;

  // Jacobian-vector product of one block, with frozen statistics: u has the shape of the boundary
  // value x. Through branch and shortcut with the factors of `gate`.
  Tensor block_jvp(std::int64_t place, const Tensor& x, const Tensor& u, const nn::Gate& gate,
                   const nn::Pass& pass, Saved& saved) const;

  // Takes the batch's statistics of the pass into the running ones (committing a step); `momentum`
  // as in nn::BatchNorm::commit.
  void commit(const Saved& saved, std::optional<double> momentum = {}) const;
  // What commit() does, to be done by somebody else.
  std::vector<ops::BatchNormUpdate> updates(const Saved& saved,
                                            std::optional<double> momentum = {}) const;
  // Name of the first layer, in forward order, whose outputs in the pass were not finite, or empty.
  std::string first_nonfinite(const Saved& saved) const;

 private:
  nn::Signal stem_forward(const Tensor& images, const nn::Pass& pass, Saved& saved) const;
  Tensor head_forward(const nn::Signal& last, const nn::Pass& pass, Saved& saved) const;
  // From the value of the head's operand [N, H, W, C] to saved.features, and back to the gradient
  // of that operand; network_head.cpp.
  void features_forward(const ops::Operand& value, const nn::Pass& pass, Saved& saved) const;
  Tensor features_backward(const Tensor& d_features, const ops::Reductions& reductions,
                           const nn::Pass& pass, Saved& saved) const;
  nn::Tie* tie_of(Saved& saved, std::size_t index) const {
    return saved.ties.empty() ? nullptr : &saved.ties.at(index);
  }
  const nn::Residual& at(std::int64_t place) const;
  // Of the blocks at places [from, to).
  nn::Signal run(nn::Signal signal, std::int64_t from, std::int64_t to, const nn::Pass& pass,
                 Saved& saved) const;
  // 0 if there are no checkpoints in this pass.
  std::int64_t segment(const nn::Pass& pass) const;
  ops::Gradient blocks_backward(ops::Gradient gradient, const nn::Pass& pass, Saved& saved) const;

  NetworkSpec spec_;
  Dtype dtype_;
  nn::Store store_;
  std::optional<nn::Conv> stem_conv_;
  std::optional<nn::BatchNorm> stem_norm_;
  std::vector<nn::Residual> blocks_;
  std::vector<std::int64_t> order_;
  std::optional<nn::BatchNorm> head_norm_;
  nn::ParameterPtr linear_weight_, linear_bias_;
};

}  // namespace rn::models
