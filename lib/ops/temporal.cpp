#include "ops/temporal.h"

#include "ops/check.h"
#include "ops/cpu/temporal.h"
#include "ops/cuda/temporal.h"

namespace rn::ops {
namespace {

// Requires whole clips of at least one frame.
void check_clips(const Check& check, const char* name, const Tensor& x, std::int64_t frames) {
  if (x.rank() < 2 || frames < 1 || x.dim(0) % frames != 0) {
    fail(ErrorKind::shape, "{}: {} is {}, expected clips of {} frames", check.who(), name,
         x.describe(), frames);
  }
}

// The shape of what is gathered from [N*T, H, W, C].
Shape gathered(const Check& check, const Taps& taps, const Tensor& x) {
  check.rank("input.x1", x, 4);
  check_clips(check, "input.x1", x, taps.frames);
  require(taps.taps >= 1 && taps.taps <= 1024 && taps.taps % 2 == 1,
          "{}: {} taps: expected 1, 3, 5, ...", check.who(), taps.taps);
  require(x.dim(3) >= 1, "{}: input.x1 is {}, expected channels", check.who(), x);
  return {x.dim(0), x.dim(1), x.dim(2), taps.taps * x.dim(3)};
}

Shape pooled(const Check& check, const TemporalMaxPool& pool, const Tensor& x) {
  check_clips(check, "input", x, pool.frames);
  require(pool.size >= 1 && pool.stride >= 1 && pool.size <= pool.frames,
          "{}: windows of {} frames, stride {}, over clips of {}", check.who(), pool.size,
          pool.stride, pool.frames);
  Shape shape = x.shape();
  shape[0] = x.dim(0) / pool.frames * ((pool.frames - pool.size) / pool.stride + 1);
  return shape;
}

}  // namespace

void temporal_gather(const Taps& taps, const Operand& input, const Tensor& output, Stream& stream) {
  const char* who = "temporal_gather";
  check(input, who);
  const Check check(who, "input.x1", input.x1);
  check.tensor("output", output, gathered(check, taps, input.x1));
  if (check.on_cpu(stream)) return cpu::temporal_gather(taps, input, output);
  cuda::temporal_gather(taps, input, output, stream);
}

void temporal_gather_backward(const Taps& taps, const TemporalScatter& args, Stream& stream) {
  const char* who = "temporal_gather_backward";
  check(args.input, who);
  const Check check(who, "input.x1", args.input.x1);
  check.tensor("d_output", args.d_output, gathered(check, taps, args.input.x1));
  check.optional("shortcut", args.shortcut, args.input.shape());
  check.tensor("d_input", args.d_input, args.input.shape());
  ops::check(args.reductions, args.d_input, who);
  if (check.on_cpu(stream)) return cpu::temporal_gather_backward(taps, args);
  cuda::temporal_gather_backward(taps, args, stream);
}

void temporal_max_pool_forward(const TemporalMaxPool& pool, const Tensor& input,
                               const Tensor& output, Stream& stream) {
  const Check check("temporal_max_pool_forward", "input", input);
  check.tensor("output", output, pooled(check, pool, input));
  if (check.on_cpu(stream)) return cpu::temporal_max_pool_forward(pool, input, output);
  cuda::temporal_max_pool_forward(pool, input, output, stream);
}

void temporal_max_pool_backward(const TemporalMaxPool& pool, const Tensor& input,
                                const Tensor& d_output, const Tensor& d_input, Stream& stream) {
  const Check check("temporal_max_pool_backward", "input", input);
  check.tensor("d_output", d_output, pooled(check, pool, input));
  check.tensor("d_input", d_input, input.shape());
  if (check.on_cpu(stream)) return cpu::temporal_max_pool_backward(pool, input, d_output, d_input);
  cuda::temporal_max_pool_backward(pool, input, d_output, d_input, stream);
}

}  // namespace rn::ops
