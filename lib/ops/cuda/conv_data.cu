// The convolution's backward pass to its input.
#include "ops/cuda/conv_gather_launch.h"
#include "ops/cuda/conv_passes.h"

namespace rn::ops::cuda {
namespace {

// d := mask * (alpha * value + shortcut), and the reductions of d as stored.
template <class T>
struct DataEpilogue {
  using W = Wide<T>;
  W alpha;
  const T* shortcut;
  OperandAt<T> input;
  const T* stored;  // the operand's value, where it is known
  T* d;
  ReductionsAt<T> reductions;

  static constexpr int ahead = 1;

  // Of a pack of channels.
  struct Coefficients {
    OperandPack<T, true> input;
    typename PackReductions<T>::Centers centers;
    __device__ Coefficients(const DataEpilogue& e, int c, int count)
        : input(e.input, c, count), centers(e.reductions, c, count) {}
  };
  struct Raw {
    Words4 shortcut;
    typename OperandPack<T, true>::Raw input;  // its x1: what is stored, if it is
    typename PackReductions<T>::Raw reductions;
  };
  using Sums = PackReductions<T>;

  template <bool whole>
  __device__ Raw fetch(std::int64_t i, int count) const {
    using P = Pack<T>;
    Raw raw;
    if (shortcut) raw.shortcut = P::template fetch<whole>(shortcut + i, count);
    if (input.relu) {
      raw.input.x1 = P::template fetch<whole>((stored ? stored : input.x1) + i, count);
      if (input.x2 && !stored) raw.input.x2 = P::template fetch<whole>(input.x2 + i, count);
    }
    raw.reductions = Sums::template fetch<whole>(reductions, i, count);
    return raw;
  }
  __device__ void start(const Coefficients&, const W*, const Raw&, Sums&) const {}
  template <bool whole>
  __device__ void put_one(const Coefficients& by, const W* value, const Raw& raw, std::int64_t i,
                          int count, Sums& sums) const {
    Pack<T> out, more;
    for (int k = 0; k < Pack<T>::width; ++k) out.v[k] = alpha * value[k];
    if (shortcut) {
      more.unpack(raw.shortcut);
      for (int k = 0; k < Pack<T>::width; ++k) out.v[k] += more.v[k];
    }
    if (input.relu) {
      if (stored) {
        more.unpack(raw.input.x1);
      } else {
        more = by.input.linear(raw.input);
      }
      for (int k = 0; k < Pack<T>::width; ++k) {
        if (more.v[k] <= W(0)) out.v[k] = 0;
      }
    }
    const Words4 words = out.packed();
    put<whole>(words, d + i, count);
    out.unpack(words);
    sums.add(reductions, by.centers, out, raw.reductions);
  }
  __device__ void finish(Sums& sums, std::int64_t part, int c0, int packs, W* shared) const {
    sums.finish(reductions, part, c0, packs, conv_threads, shared);
  }
};

template <class T, int OT, int CT>
void data(const Axes& axes, const ConvBackward& args, Stream& stream) {
  using W = Wide<T>;
  const char* op = "conv_backward";
  const Shape &x = args.input.shape(), &y = args.gradient.shape();
  const int images = static_cast<int>(x[0]), sources = static_cast<int>(y[3]);
  const int outputs = static_cast<int>(x[3]);
  const GatherPlan plan =
      gather_plan<T, OT, CT, true>(axes.down, axes.along, images, sources, outputs, op);
  DataEpilogue<T> epilogue{
      static_cast<W>(args.alpha), pointer<T>(args.shortcut),
      OperandAt<T>(args.input),   pointer<T>(args.input.stored),
      pointer<T>(args.d_input),   ReductionsAt<T>(args.reductions, plan.parts(), outputs)};
  if (epilogue.reductions.wanted > 0) {
    epilogue.reductions.partial.at = scratch<double>(stream, epilogue.reductions.partial.doubles());
  }
  launch_gather<T, OT, CT, true>(op, plan, axes.down, axes.along, images, sources, outputs,
                                 GradientAt<T>(args.gradient), static_cast<T*>(nullptr),
                                 pointer<W>(args.weights), epilogue, stream);
  epilogue.reductions.merge(op, args.reductions, stream);
}

}  // namespace

void conv_data_pass(const Conv2d& conv, const ConvBackward& args, Stream& stream) {
  const Axes axes(conv, args.input.shape(), args.gradient.shape(), args.weights.shape(), true);
  with_activation(args.d_input.dtype(), "conv_backward", [&]<class T>() {
    const int images = static_cast<int>(args.d_input.dim(0));
    with_tiles<T>(axes.down, axes.along, images, static_cast<int>(args.gradient.shape()[3]),
                  static_cast<int>(args.d_input.dim(3)),
                  [&]<int OT, int CT>() { data<T, OT, CT>(axes, args, stream); });
  });
}

}  // namespace rn::ops::cuda
