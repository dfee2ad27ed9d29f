// The convolution's forward pass.
#include "ops/cuda/conv_gather.h"
#include "ops/cuda/conv_passes.h"

namespace rn::ops::cuda {
namespace {

// y := act(round(scale * value + shift + beta * residual)), with alpha, the bias and the frozen
// batch norm in scale and shift; moments of y as stored.
template <class T>
struct ForwardEpilogue {
  using W = Wide<T>;
  const W *bias, *after_scale, *after_shift;
  const T* residual;
  double alpha;
  W beta, grid, inverse_grid;
  bool relu;
  T* y;
  PartMoments parts;

  class Channel {
   public:
    __device__ Channel(const ForwardEpilogue& e, int c, bool live) : e_(e) {
      if (!live) return;
      const double by = e.after_scale ? e.after_scale[c] : 1;
      const double from = (e.bias ? by * e.bias[c] : 0) + (e.after_shift ? e.after_shift[c] : 0);
      scale_ = static_cast<W>(e.alpha * by);
      shift_ = static_cast<W>(e.alpha * from);
    }
    __device__ void operator()(W value, std::int64_t i) {
      value = scale_ * value + shift_;
      if (e_.residual) value += e_.beta * widen(e_.residual[i]);
      if (e_.grid > W(0)) value = rint(value * e_.inverse_grid) * e_.grid;
      if (e_.relu) value = rectify(value);
      const T rounded = stored_as<T>(value);
      e_.y[i] = rounded;
      if (e_.parts.at) moments_.add(widen(rounded));
    }
    __device__ void finish(std::int64_t part, int c, bool live, int thread, int width,
                           double* shared) {
      if (!e_.parts.at) return;
      const Sample sample =
          merge_block_moments(moments_.finish(), thread, width, conv_threads, shared);
      if (thread < width && live) e_.parts.set(part, c, sample);
    }

   private:
    const ForwardEpilogue& e_;
    W scale_ = 1, shift_ = 0;
    ThreadMoments<W> moments_;
  };
};

template <class T, int OT>
void forward(const Conv2d& conv, const ConvForward& args, Stream& stream) {
  using W = Wide<T>;
  const char* op = "conv_forward";
  const Shape &x = args.input.shape(), &y = args.output.shape();
  const Axes axes(conv, x, y, args.weights.shape(), false);
  const int images = static_cast<int>(x[0]), sources = static_cast<int>(x[3]);
  const int outputs = static_cast<int>(y[3]);
  const GatherPlan plan = gather_plan<T, OT>(axes.down, axes.along, images, sources, outputs, op);
  PartMoments parts{nullptr, plan.parts(), outputs};
  if (args.moments) parts.at = scratch<double>(stream, parts.doubles());
  const ForwardEpilogue<T> epilogue{pointer<W>(args.bias),
                                    pointer<W>(args.after.scale),
                                    pointer<W>(args.after.shift),
                                    pointer<T>(args.residual),
                                    args.alpha,
                                    static_cast<W>(args.beta),
                                    static_cast<W>(args.grid),
                                    static_cast<W>(args.grid > 0 ? 1 / args.grid : 0),
                                    args.act == Activation::relu,
                                    pointer<T>(args.output),
                                    parts};
  launch_gather<T, OT, false>(op, plan, axes.down, axes.along, images, sources, outputs,
                              OperandAt<T>(args.input), pointer<W>(args.weights), epilogue, stream);
  if (args.moments) merge_moments(op, parts, *args.moments, stream);
}

}  // namespace

void conv_forward_pass(const Conv2d& conv, const ConvForward& args, Stream& stream) {
  if (args.moments) args.moments->count = args.output.size() / args.output.dim(3);
  with_activation(args.output.dtype(), "conv_forward", [&]<class T>() {
    if constexpr (!std::is_same_v<T, double>) {
      if (args.output.dim(3) > 32) return forward<T, 64>(conv, args, stream);
      if (args.output.dim(3) > 16) return forward<T, 32>(conv, args, stream);
    }
    forward<T, 16>(conv, args, stream);
  });
}

}  // namespace rn::ops::cuda
