// The convolution's forward pass.
#include "ops/cuda/conv_gather_launch.h"
#include "ops/cuda/conv_passes.h"
#include "ops/cuda/norm.h"
#include "ops/cuda/ops.h"

namespace rn::ops::cuda {
namespace {

// y := act(round(scale * value + shift + beta * residual)), with alpha, the bias and the frozen
// batch norm in scale and shift; moments of y as stored.
template <class T>
struct ForwardEpilogue {
  using W = Wide<T>;
  const W *bias, *after_scale, *after_shift;
  const T* residual;
  W alpha, beta, grid, inverse_grid;
  bool relu;
  T* y;
  PartMoments parts;

  static constexpr int ahead = 2;

  // Of a pack of channels.
  struct Coefficients {
    Pack<T> scale, shift;
    __device__ Coefficients(const ForwardEpilogue& e, int c, int count) {
      scale = coefficients<T>(e.after_scale, c, count, 1);
      shift = coefficients<T>(e.after_shift, c, count, 0);
      const Pack<T> first = coefficients<T>(e.bias, c, count, 0);
      for (int k = 0; k < Pack<T>::width; ++k) {
        shift.v[k] = e.alpha * (scale.v[k] * first.v[k] + shift.v[k]);
        scale.v[k] *= e.alpha;
      }
    }
  };
  struct Raw {
    Words4 residual;
  };
  using Sums = PackMoments<T>;

  template <bool whole>
  __device__ Raw fetch(std::int64_t i, int count) const {
    Raw raw;
    if (residual) raw.residual = Pack<T>::template fetch<whole>(residual + i, count);
    return raw;
  }
  __device__ void start(const Coefficients& by, const W* value, const Raw& raw, Sums& sums) const {
    if (!parts.at) return;
    Pack<T> first = result(by, value, raw);
    first.unpack(first.packed());
    sums.start(first);
  }
  template <bool whole>
  __device__ void put_one(const Coefficients& by, const W* value, const Raw& raw, std::int64_t i,
                          int count, Sums& sums) const {
    Pack<T> out = result(by, value, raw);
    const Words4 words = out.packed();
    put<whole>(words, y + i, count);
    if (!parts.at) return;
    out.unpack(words);
    sums.add(out);
  }
  __device__ void finish(Sums& sums, std::int64_t part, int c0, int packs, W* shared) const {
    if (parts.at) sums.finish(parts, part, c0, packs, conv_threads, shared);
  }
  __device__ Pack<T> result(const Coefficients& by, const W* value, const Raw& raw) const {
    Pack<T> out;
    for (int k = 0; k < Pack<T>::width; ++k) out.v[k] = by.scale.v[k] * value[k] + by.shift.v[k];
    if (residual) {
      Pack<T> more;
      more.unpack(raw.residual);
      for (int k = 0; k < Pack<T>::width; ++k) out.v[k] += beta * more.v[k];
    }
    if (grid > W(0)) {
      for (int k = 0; k < Pack<T>::width; ++k) out.v[k] = rint(out.v[k] * inverse_grid) * grid;
    }
    if (relu) {
      for (int k = 0; k < Pack<T>::width; ++k) out.v[k] = rectify(out.v[k]);
    }
    return out;
  }
};

template <class T, int OT, int CT>
void forward(const Axes& axes, const ConvForward& args, Stream& stream) {
  using W = Wide<T>;
  const char* op = "conv_forward";
  const Shape &x = args.input.shape(), &y = args.output.shape();
  const int images = static_cast<int>(x[0]), sources = static_cast<int>(x[3]);
  const int outputs = static_cast<int>(y[3]);
  const GatherPlan plan =
      gather_plan<T, OT, CT, false>(axes.down, axes.along, images, sources, outputs, op);
  PartMoments parts(plan.parts(), outputs);
  if (args.moments) parts.at = scratch<double>(stream, parts.doubles());
  const ForwardEpilogue<T> epilogue{pointer<W>(args.bias),
                                    pointer<W>(args.after.scale),
                                    pointer<W>(args.after.shift),
                                    pointer<T>(args.residual),
                                    static_cast<W>(args.alpha),
                                    static_cast<W>(args.beta),
                                    static_cast<W>(args.grid),
                                    static_cast<W>(args.grid > 0 ? 1 / args.grid : 0),
                                    args.act == Activation::relu,
                                    pointer<T>(args.output),
                                    parts};
  launch_gather<T, OT, CT, false>(op, plan, axes.down, axes.along, images, sources, outputs,
                                  OperandAt<T>(args.input), pointer<T>(args.input.stored),
                                  pointer<W>(args.weights), epilogue, stream);
  if (!args.moments) return;
  if (args.norm) {
    const NormForwardAt<W> norm(*args.norm);
    merge_moments(op, parts, *args.moments, stream, norm);
  } else {
    merge_moments(op, parts, *args.moments, stream);
  }
}

}  // namespace

void conv_forward_pass(const Conv2d& conv, const ConvForward& args, Stream& stream) {
  const Axes axes(conv, args.input.shape(), args.output.shape(), args.weights.shape(), false);
  ConvForward from = args;
  // On the way, unless pixels are left out, or blocks would read what others have written.
  const auto is = [&](const Tensor& x) { return x && x.raw() == args.input.stored.raw(); };
  if (args.input.stored && (!tiles_cover(axes.down) || !tiles_cover(axes.along) ||
                            is(args.input.x1) || is(args.input.x2))) {
    from.input.stored = Tensor();
    operand_forward(from.input, args.input.stored, nullptr, stream);
    from.input = operand(args.input.stored);
  }
  if (args.moments) args.moments->count = args.output.size() / args.output.dim(3);
  with_activation(args.output.dtype(), "conv_forward", [&]<class T>() {
    const int images = static_cast<int>(args.output.dim(0));
    with_tiles<T>(axes.down, axes.along, images, static_cast<int>(args.input.shape()[3]),
                  static_cast<int>(args.output.dim(3)),
                  [&]<int OT, int CT>() { forward<T, OT, CT>(axes, from, stream); });
  });
}

}  // namespace rn::ops::cuda
