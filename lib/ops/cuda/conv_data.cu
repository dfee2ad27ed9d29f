// The convolution's backward pass to its input.
#include "ops/cuda/conv_gather.h"
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

  class Channel {
   public:
    __device__ Channel(const DataEpilogue& e, int c, bool live)
        : e_(e), input_(live ? e.input : OperandAt<T>(), c), sums_(e.reductions, c, live) {}
    __device__ void operator()(W value, std::int64_t i) {
      value *= e_.alpha;
      if (e_.shortcut) value += widen(e_.shortcut[i]);
      if (e_.input.relu) {
        const W x = e_.stored ? widen(e_.stored[i]) : input_(i);
        if (x <= W(0)) value = 0;
      }
      const T rounded = stored_as<T>(value);
      e_.d[i] = rounded;
      sums_.add(widen(rounded), i);
    }
    __device__ void finish(std::int64_t part, int c, bool live, int thread, int width,
                           double* shared) {
      sums_.finish(part, c, live, thread, width, conv_threads, shared);
    }

   private:
    const DataEpilogue& e_;
    OperandChannel<T> input_;
    ThreadReductions<T> sums_;
  };
};

template <class T, int OT>
void data(const Conv2d& conv, const ConvBackward& args, Stream& stream) {
  using W = Wide<T>;
  const char* op = "conv_backward";
  const Shape &x = args.input.shape(), &y = args.gradient.shape();
  const Axes axes(conv, x, y, args.weights.shape(), true);
  const int images = static_cast<int>(x[0]), sources = static_cast<int>(y[3]);
  const int outputs = static_cast<int>(x[3]);
  const GatherPlan plan = gather_plan<T, OT>(axes.down, axes.along, images, sources, outputs, op);
  DataEpilogue<T> epilogue{
      static_cast<W>(args.alpha), pointer<T>(args.shortcut),
      OperandAt<T>(args.input),   pointer<T>(args.input.stored),
      pointer<T>(args.d_input),   ReductionsAt<T>(args.reductions, plan.parts(), outputs)};
  if (epilogue.reductions.any()) {
    epilogue.reductions.partial = scratch<double>(stream, epilogue.reductions.doubles());
  }
  launch_gather<T, OT, true>(op, plan, axes.down, axes.along, images, sources, outputs,
                             GradientAt<T>(args.gradient), pointer<W>(args.weights), epilogue,
                             stream);
  epilogue.reductions.merge(op, args.reductions, stream);
}

}  // namespace

void conv_data_pass(const Conv2d& conv, const ConvBackward& args, Stream& stream) {
  with_activation(args.d_input.dtype(), "conv_backward", [&]<class T>() {
    if constexpr (!std::is_same_v<T, double>) {
      if (args.d_input.dim(3) > 32) return data<T, 64>(conv, args, stream);
      if (args.d_input.dim(3) > 16) return data<T, 32>(conv, args, stream);
    }
    data<T, 16>(conv, args, stream);
  });
}

}  // namespace rn::ops::cuda
