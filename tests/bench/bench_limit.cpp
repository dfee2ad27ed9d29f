// What the convolutions of a network alone would allow: each layer's passes are timed by
// themselves, with the best of several oneDNN primitives (tiles of 1 to 8 images, channels-last or
// the layout the primitive likes best; for bf16 those of bf16 and of f32), every thread working
// through its own part of the batch.
//   bench-limit [ARCH [BATCH [ROUNDS [THREADS [fp32|bf16]]]]]
// prints one JSON object: the images per second that the sum of the best times would give.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>

#include "base/error.h"
#include "base/parallel.h"
#include "models/catalog.h"
#include "ops/backend.h"
#include "train/model_file.h"

using namespace rn;
using dnnl::memory;

namespace {

struct Layer {
  std::int64_t in, out, h, w;  // channels; input pixels
  int kernel, stride, pad;
  auto operator<=>(const Layer&) const = default;
  std::int64_t p() const { return (h + 2 * pad - kernel) / stride + 1; }
  std::int64_t q() const { return (w + 2 * pad - kernel) / stride + 1; }
  double flops() const {
    return 2.0 * static_cast<double>(in * out * kernel * kernel) * static_cast<double>(p() * q());
  }
};

// The convolutions of a network, with how often each shape occurs. The first layer needs no
// gradient of its input: it is listed apart.
struct Layers {
  Layer first;
  std::map<Layer, int> rest;
};

Layers layers_of(const models::NetworkSpec& spec) {
  Layers layers;
  const auto& stem = spec.stem;
  layers.first = {spec.channels, stem.out,    spec.height, spec.width,
                  stem.kernel,   stem.stride, stem.pad};
  std::int64_t h = layers.first.p(), w = layers.first.q();
  if (stem.max_pool) h = (h - 1) / 2 + 1, w = (w - 1) / 2 + 1;
  for (const nn::BlockSpec& block : spec.blocks) {
    const std::int64_t h_in = h, w_in = w;
    const auto add = [&](std::int64_t in, std::int64_t out, int kernel, int place) {
      const int stride = place == block.stride_at ? block.stride : 1;
      const Layer layer{in, out, h, w, kernel, stride, kernel / 2};
      ++layers.rest[layer];
      h = layer.p(), w = layer.q();
    };
    if (block.kind == nn::BlockKind::basic) {
      add(block.in, block.out, 3, 1);
      add(block.out, block.out, 3, 2);
    } else {
      add(block.in, block.width, 1, 1);
      add(block.width, block.width, 3, 2);
      add(block.width, block.out, 1, 3);
    }
    if (block.shortcut == nn::ShortcutKind::conv || block.shortcut == nn::ShortcutKind::conv_bn) {
      ++layers.rest[Layer{block.in, block.out, h_in, w_in, 1, block.stride, 0}];
    }
  }
  return layers;
}

enum class What { forward, data, weights };

dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

// One primitive on `tile` images, with memory for the whole batch, run by every thread on its part.
class Variant {
 public:
  Variant(What what, const Layer& l, std::int64_t batch, int tile, bool blocked,
          memory::data_type type)
      : what_(what), batch_(batch), tile_(tile) {
    using Tag = memory::format_tag;
    const Tag image = blocked ? Tag::any : Tag::nhwc;
    const memory::desc src({tile, l.in, l.h, l.w}, type, image),
        dst({tile, l.out, l.p(), l.q()}, type, image),
        weights({l.out, l.in, l.kernel, l.kernel}, type, Tag::any),
        d_weights({l.out, l.in, l.kernel, l.kernel}, memory::data_type::f32, Tag::any);
    const memory::dims strides{l.stride, l.stride}, before{l.pad, l.pad};
    const memory::dims after{(l.p() - 1) * l.stride + l.kernel - l.h - l.pad,
                             (l.q() - 1) * l.stride + l.kernel - l.w - l.pad};
    const auto algorithm = dnnl::algorithm::convolution_direct;
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto training = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
    const memory::desc none;
    const dnnl::convolution_forward::primitive_desc hint(
        engine(), training, algorithm, src, weights, none, dst, strides, before, after, attr);
#else
    const dnnl::convolution_forward::primitive_desc hint(
        {training, algorithm, src, weights, dst, strides, before, after}, attr, engine());
#endif
    if (what == What::forward) {
      take(hint.src_desc(), hint.weights_desc(), hint.dst_desc(), hint.scratchpad_desc());
      primitive_ = dnnl::convolution_forward(hint);
    } else if (what == What::data) {
      using Data = dnnl::convolution_backward_data;
#if DNNL_VERSION_MAJOR >= 3
      const Data::primitive_desc d(engine(), algorithm, src, weights, dst, strides, before, after,
                                   hint, attr);
#else
      const Data::primitive_desc d({algorithm, src, weights, dst, strides, before, after}, attr,
                                   engine(), hint);
#endif
      take(d.diff_src_desc(), d.weights_desc(), d.diff_dst_desc(), d.scratchpad_desc());
      primitive_ = Data(d);
    } else {
      using Weights = dnnl::convolution_backward_weights;
#if DNNL_VERSION_MAJOR >= 3
      const Weights::primitive_desc d(engine(), algorithm, src, d_weights, dst, strides, before,
                                      after, hint, attr);
#else
      const Weights::primitive_desc d({algorithm, src, d_weights, dst, strides, before, after},
                                      attr, engine(), hint);
#endif
      take(d.src_desc(), d.diff_weights_desc(), d.diff_dst_desc(), d.scratchpad_desc());
      primitive_ = Weights(d);
    }
  }

  // Seconds for the batch.
  double run() {
    const auto start = std::chrono::steady_clock::now();
    parallel_for(threads(), [&](int thread) {
      const Range range = lane_range(batch_ / tile_, threads(), thread);
      omp_set_num_threads(1);
      dnnl::stream stream(engine());
      for (std::int64_t n = range.begin; n < range.end; ++n) {
        memory src(src_, engine(), src_space_.data() + n * src_size_),
            dst(dst_, engine(), dst_space_.data() + n * dst_size_),
            weights(weights_, engine(), weight_space_[static_cast<std::size_t>(thread)].data()),
            scratch(scratch_, engine(), scratch_space_[static_cast<std::size_t>(thread)].data());
        const bool forward = what_ == What::forward, back = what_ == What::weights;
        primitive_.execute(stream, {{what_ == What::data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, src},
                                    {back ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, weights},
                                    {forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, dst},
                                    {DNNL_ARG_SCRATCHPAD, scratch}});
      }
      stream.wait();
    });
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  void take(const memory::desc& src, const memory::desc& weights, const memory::desc& dst,
            const memory::desc& scratch) {
    src_ = src, weights_ = weights, dst_ = dst, scratch_ = scratch;
    // Words of one half whatever the type; what is computed with does not change the time.
    src_size_ = static_cast<std::int64_t>(src.get_size() / 2);
    dst_size_ = static_cast<std::int64_t>(dst.get_size() / 2);
    src_space_.assign(static_cast<std::size_t>(src_size_ * (batch_ / tile_)), 0x3f00);
    dst_space_.assign(static_cast<std::size_t>(dst_size_ * (batch_ / tile_)), 0x3f00);
    weight_space_.assign(static_cast<std::size_t>(threads()),
                         std::vector<std::uint16_t>(weights.get_size() / 2 + 32, 0x3f00));
    scratch_space_.assign(static_cast<std::size_t>(threads()),
                          std::vector<char>(scratch.get_size() + 64));
  }

  What what_;
  std::int64_t batch_;
  int tile_;
  memory::desc src_, weights_, dst_, scratch_;
  std::int64_t src_size_ = 0, dst_size_ = 0;
  std::vector<std::uint16_t> src_space_, dst_space_;
  std::vector<std::vector<std::uint16_t>> weight_space_;
  std::vector<std::vector<char>> scratch_space_;
  dnnl::primitive primitive_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Seconds of the best variant for the batch, by the median over the rounds.
double best(What what, const Layer& layer, std::int64_t batch, int rounds, Dtype dtype) {
  double least = 1e30;
  std::string winner;
  const auto attempt = [&](memory::data_type type, bool blocked, int tile) {
    Variant variant(what, layer, batch, tile, blocked, type);
    variant.run();
    std::vector<double> times;
    for (int k = 0; k < rounds; ++k) times.push_back(variant.run());
    const double seconds = median(times);
    if (seconds >= least) return;
    least = seconds;
    winner = fmt::format("{} {} x{}", type == memory::data_type::f32 ? "f32" : "bf16",
                         blocked ? "blocked" : "nhwc", tile);
  };
  for (const bool blocked : {false, true}) {
    for (const int tile : {1, 2, 4, 8}) {
      if (batch % tile != 0) continue;
      attempt(memory::data_type::f32, blocked, tile);
      if (dtype == Dtype::bf16 && ops::has_native_bf16()) {
        attempt(memory::data_type::bf16, blocked, tile);
      }
    }
  }
  const char* names[] = {"forward", "backward data", "backward weights"};
  fmt::print(stderr, "{:4d} -> {:4d} channels, {:3d}x{:<3d} k{} s{}  {:16s} {:8.1f} GFLOP/s  {}\n",
             layer.in, layer.out, layer.h, layer.w, layer.kernel, layer.stride,
             names[static_cast<int>(what)],
             layer.flops() * static_cast<double>(batch) / least / 1e9, winner);
  return least;
}

void run(const std::string& arch, std::int64_t batch, int rounds, Dtype dtype) {
  const models::NetworkSpec spec = models::make_arch(arch);
  const Layers layers = layers_of(spec);
  double forward = best(What::forward, layers.first, batch, rounds, dtype);
  double backward = best(What::weights, layers.first, batch, rounds, dtype);
  for (const auto& [layer, count] : layers.rest) {
    forward += count * best(What::forward, layer, batch, rounds, dtype);
    backward += count * (best(What::data, layer, batch, rounds, dtype) +
                         best(What::weights, layer, batch, rounds, dtype));
  }
  const auto n = static_cast<double>(batch);
  fmt::print(
      "{{\"arch\": \"{}\", \"precision\": \"{}\", \"batch\": {}, \"threads\": {}, "
      "\"train_images_per_second\": {:.1f}, "
      "\"eval_images_per_second\": {:.1f}}}\n",
      arch, train::precision_name(dtype), batch, threads(), n / (forward + backward), n / forward);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    set_threads(argc > 4 ? std::atoi(argv[4]) : 0);
    run(argc > 1 ? argv[1] : "resnet20-cifar", argc > 2 ? std::atoi(argv[2]) : 128,
        argc > 3 ? std::atoi(argv[3]) : 5, train::parse_precision(argc > 5 ? argv[5] : "fp32"));
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-limit: {}\n", error.what());
    return 1;
  }
}
