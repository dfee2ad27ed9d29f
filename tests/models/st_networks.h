// Small spatiotemporal networks with inputs and a loss, in f64.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "models/st_resnet.h"
#include "models/tiny_networks.h"

namespace rn::test {

using models::Connection, models::StNetwork, models::StOptions, models::StSpec,
    models::TemporalPool;

// Noise on what is 1 or 0 at first, so that its place in the formulas shows, and on taps, which are
// the same at first.
inline void shake(nn::Store& store) {
  std::uint64_t stream = 300;
  for (const auto& p : store.parameters()) {
    const Tensor noise = random_tensor(p->value.shape(), ++stream, p->is_weight() ? 0.02 : 0.3);
    for (std::int64_t i = 0; i < noise.size(); ++i) {
      p->value.data<double>()[i] += noise.data<double>()[i];
    }
  }
  for (const auto& s : store.states()) {
    const Tensor noise = random_tensor(s->value.shape(), ++stream, 0.2);
    for (std::int64_t i = 0; i < noise.size(); ++i) {
      s->value.data<double>()[i] += std::abs(noise.data<double>()[i]);
    }
  }
}

// Loss: the sum of both streams' logits times weights. Those of a stream may be switched off.
struct StBench {
  TensorPool pool{cpu};
  models::StSaved saved;
  StNetwork network;
  models::StInput input;
  models::StLogits weights;
  bool batch_statistics;

  StBench(const StSpec& spec, std::int64_t clips, std::int64_t frames, bool batch = false)
      : network(spec, Dtype::f64), batch_statistics(batch) {
    network.initialize(3);
    shake(network.store());
    const models::NetworkSpec& any = spec.any();
    input.clips = clips;
    if (spec.appearance) {
      input.frames = random_tensor({clips * frames, any.height, any.width, 3}, 1);
      weights.appearance = random_tensor({clips * network.outputs(frames), any.classes}, 2);
    }
    if (spec.motion) {
      input.flow = random_tensor({clips * frames, any.height, any.width, spec.motion->channels}, 4);
      weights.motion = random_tensor({clips * network.outputs(frames), any.classes}, 5);
    }
  }

  nn::Pass pass(bool keep) { return {pool, cpu_stream(), batch_statistics, keep}; }

  double loss() {
    const models::StLogits logits = network.forward(input, pass(false), saved);
    double sum = 0;
    for (const auto& [x, w] :
         {std::pair{logits.appearance, weights.appearance}, {logits.motion, weights.motion}}) {
      for (std::int64_t i = 0; w && i < x.size(); ++i) {
        sum += x.data<double>()[i] * w.data<double>()[i];
      }
    }
    return sum;
  }

  void backward() {
    network.store().require_gradients();
    network.forward(input, pass(true), saved);
    network.backward(weights, pass(true), saved);
  }

  // Central difference at element i of `at`.
  double slope(const Tensor& at, std::int64_t i) {
    const double step = 1e-6;
    double& x = at.data<double>()[i];
    const double kept = x;
    x = kept + step;
    const double up = loss();
    x = kept - step;
    const double down = loss();
    x = kept;
    return (up - down) / (2 * step);
  }
};

// Two stages of two units of every kind, on 6x6 pixels.
inline models::NetworkSpec st_table(nn::BlockKind kind) {
  models::NetworkSpec spec;
  spec.arch = "tiny";
  spec.height = spec.width = 6;
  spec.classes = 3;
  spec.stem.out = 4;
  std::int64_t in = 4;
  for (int k = 0; k < 4; ++k) {
    nn::BlockSpec block;
    block.name = fmt::format("stage{}.block{}", k / 2 + 1, k % 2 + 1);
    block.kind = kind;
    block.in = in;
    block.out = k < 2 ? 4 : 6;
    block.width = kind == nn::BlockKind::basic ? block.out : 3;
    block.stride = k == 2 ? 2 : 1;
    if (block.downsamples()) block.shortcut = nn::ShortcutKind::conv_bn;
    spec.blocks.push_back(block);
    in = block.out;
  }
  return spec;
}

inline bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

}  // namespace rn::test
