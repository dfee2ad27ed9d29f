// Checks the contract of stream.h, then hands over to the device.
#include "ops/stream.h"

#include <cmath>

#include "ops/check.h"
#include "ops/cpu/stream.h"
#include "ops/cuda/stream.h"

namespace rn::ops {
namespace {

// `state` holds the halves of `whole`.
void check_halves(const char* who, const char* whole_name, const Tensor& whole,
                  const char* state_name, const Tensor& state) {
  const Check check(who, whole_name, whole);
  check.rank(whole_name, whole, 4);
  require(whole.dim(3) >= 2 && whole.dim(3) % 2 == 0,
          "{}: {} is {}, expected an even number of "
          "channels",
          who, whole_name, whole);
  const Shape halves{2 * whole.dim(0), whole.dim(1), whole.dim(2), whole.dim(3) / 2};
  check.typed(state_name, state, halves, wide(whole.dtype()));
}

// The type itself, or bf16 beside f32.
void check_beside(const char* who, const char* name, const Tensor& x, const Tensor& output) {
  require(x.dtype() == output.dtype() || wide(x.dtype()) == output.dtype() ||
              wide(output.dtype()) == x.dtype(),
          "{}: {} is {} beside an output of {}", who, name, to_string(x.dtype()),
          to_string(output.dtype()));
}

void check_grid(const char* who, double grid) {
  int exponent = 0;
  require(grid == 0 || (grid > 0 && std::frexp(grid, &exponent) == 0.5),
          "{}: grid must be 0 or a power of two", who);
}

}  // namespace

double grid_limit(Dtype dtype, double grid) {
  return (dtype == Dtype::f64 ? 0x1p53 : 0x1p24) * grid;
}

double stream_split(const Operand& input, const Tensor& output, double grid, Stream& stream) {
  const char* who = "stream_split";
  check(input, who);
  check_halves(who, "input.x1", input.x1, "output", output);
  check_grid(who, grid);
  if (Check(who, "input.x1", input.x1).on_cpu(stream))
    return cpu::stream_split(input, output, grid);
  return cuda::stream_split(input, output, grid, stream);
}

void stream_join(const Tensor& state, const Tensor& output, Stream& stream) {
  const char* who = "stream_join";
  check_halves(who, "output", output, "state", state);
  if (Check(who, "state", state).on_cpu(stream)) return cpu::stream_join(state, output);
  cuda::stream_join(state, output, stream);
}

double stream_add(const StreamAdd& args, Stream& stream) {
  const char* who = "stream_add";
  const Check check(who, "output", args.output);
  require(args.output.dtype() != Dtype::bf16, "{}: a stream is float32 or float64", who);
  require(args.output.rank() >= 1 && args.output.dim(-1) >= 1, "{}: output has no channels", who);
  check.optional("x", args.x, args.output.shape());
  if (args.branch) {
    check_beside(who, "branch", args.branch, args.output);
    check.typed("branch", args.branch, args.output.shape(), args.branch.dtype());
  }
  check_grid(who, args.grid);
  if (args.moments) args.moments->ensure(args.output.dim(-1), args.output.device());
  if (check.on_cpu(stream)) return cpu::stream_add(args);
  return cuda::stream_add(args, stream);
}

void convert(const Operand& input, const Tensor& output, Stream& stream) {
  const char* who = "convert";
  check(input, who);
  const Check check(who, "input.x1", input.x1);
  require(output.defined(), "{}: output is missing", who);
  check_beside(who, "input.x1", input.x1, output);
  check.typed("output", output, input.shape(), output.dtype());
  require(!input.stored, "{}: the value is not stored besides", who);
  if (check.on_cpu(stream)) return cpu::convert(input, output);
  cuda::convert(input, output, stream);
}

}  // namespace rn::ops
