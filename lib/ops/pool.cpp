#include "ops/pool.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {
namespace {

// Requires [N, H, W, C] with at least one pixel and channel.
void check_image(const Check& check, const char* name, const Tensor& x) {
  check.rank(name, x, 4);
  if (x.dim(1) < 1 || x.dim(2) < 1 || x.dim(3) < 1) {
    fail(ErrorKind::shape, "{}: {} is {}, expected pixels and channels", check.who(), name,
         x.describe());
  }
}

Shape pooled(const Check& check, const Pool2d& pool, const Tensor& input) {
  check_image(check, "input", input);
  if (pool.kernel < 1 || pool.stride < 1 || pool.pad < 0 || pool.pad >= pool.kernel) {
    fail(ErrorKind::shape,
         "{}: kernel {}, stride {}, pad {}: expected kernel and stride >= 1, 0 <= pad < kernel",
         check.who(), pool.kernel, pool.stride, pool.pad);
  }
  const std::int64_t h = input.dim(1) + 2 * pool.pad - pool.kernel;
  const std::int64_t w = input.dim(2) + 2 * pool.pad - pool.kernel;
  if (h < 0 || w < 0) {
    fail(ErrorKind::shape, "{}: a kernel of {} with pad {} does not fit into input {}", check.who(),
         pool.kernel, pool.pad, to_string(input.shape()));
  }
  return {input.dim(0), h / pool.stride + 1, w / pool.stride + 1, input.dim(3)};
}

void check_pad_shortcut(const Check& check, const PadShortcut& shortcut, const char* input_name,
                        const Tensor& input, const char* output_name, const Tensor& output) {
  check_image(check, input_name, input);
  check.rank(output_name, output, 4);
  const std::int64_t s = shortcut.stride;
  if (s < 1 || shortcut.front < 0 || shortcut.front + input.dim(3) > output.dim(3)) {
    fail(ErrorKind::shape,
         "{}: stride {}, front {}: expected stride >= 1, front >= 0 and the channels of {} {} to "
         "fit behind it into {} {}",
         check.who(), s, shortcut.front, input_name, to_string(input.shape()), output_name,
         to_string(output.shape()));
  }
  if (shortcut.average && (input.dim(1) % s != 0 || input.dim(2) % s != 0)) {
    fail(ErrorKind::shape, "{}: {} is {}: averaging needs multiples of the stride {}", check.who(),
         input_name, to_string(input.shape()), s);
  }
  check.tensor(
      output_name, output,
      {input.dim(0), (input.dim(1) + s - 1) / s, (input.dim(2) + s - 1) / s, output.dim(3)});
}

}  // namespace

void global_average_pool_forward(const Operand& input, const Tensor& output, Stream& stream) {
  const char* who = "global_average_pool_forward";
  check(input, who);
  const Check check(who, "input.x1", input.x1);
  check_image(check, "input.x1", input.x1);
  check.vector("output", output, {input.x1.dim(0), input.x1.dim(3)});
  if (check.on_cpu(stream)) return cpu::global_average_pool_forward(input, output);
  cuda::global_average_pool_forward(input, output, stream);
}

void global_average_pool_backward(const Tensor& d_output, const Operand& input,
                                  const Tensor& d_input, const Reductions& reductions,
                                  Stream& stream) {
  const char* who = "global_average_pool_backward";
  check(input, who);
  const Check check(who, "input.x1", input.x1);
  check_image(check, "input.x1", input.x1);
  check.vector("d_output", d_output, {input.x1.dim(0), input.x1.dim(3)});
  check.tensor("d_input", d_input, input.shape());
  ops::check(reductions, d_input, who);
  if (check.on_cpu(stream)) {
    return cpu::global_average_pool_backward(d_output, input, d_input, reductions);
  }
  cuda::global_average_pool_backward(d_output, input, d_input, reductions, stream);
}

void pool_forward(const Pool2d& pool, const Tensor& input, const Tensor& output, Stream& stream) {
  const Check check("pool_forward", "input", input);
  check.tensor("output", output, pooled(check, pool, input));
  if (check.on_cpu(stream)) return cpu::pool_forward(pool, input, output);
  cuda::pool_forward(pool, input, output, stream);
}

void pool_backward(const Pool2d& pool, const Tensor& input, const Tensor& d_output,
                   const Tensor& d_input, Stream& stream) {
  const Check check("pool_backward", "input", input);
  check.tensor("d_output", d_output, pooled(check, pool, input));
  check.tensor("d_input", d_input, input.shape());
  if (check.on_cpu(stream)) return cpu::pool_backward(pool, input, d_output, d_input);
  cuda::pool_backward(pool, input, d_output, d_input, stream);
}

void pad_shortcut_forward(const PadShortcut& shortcut, const Tensor& input, const Tensor& output,
                          Stream& stream) {
  const Check check("pad_shortcut_forward", "input", input);
  check_pad_shortcut(check, shortcut, "input", input, "output", output);
  if (check.on_cpu(stream)) return cpu::pad_shortcut_forward(shortcut, input, output);
  cuda::pad_shortcut_forward(shortcut, input, output, stream);
}

void pad_shortcut_backward(const PadShortcut& shortcut, const Tensor& d_output,
                           const Tensor& d_input, Stream& stream) {
  const Check check("pad_shortcut_backward", "d_output", d_output);
  check_pad_shortcut(check, shortcut, "d_input", d_input, "d_output", d_output);
  check.tensor("d_input", d_input, d_input.shape());
  if (check.on_cpu(stream)) return cpu::pad_shortcut_backward(shortcut, d_output, d_input);
  cuda::pad_shortcut_backward(shortcut, d_output, d_input, stream);
}

}  // namespace rn::ops
