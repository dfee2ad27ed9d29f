// Checks the contracts of stack.h, then hands over to the device.
#include "ops/stack.h"

#include <fmt/ranges.h>  // shapes

#include "ops/check.h"
#include "ops/cpu/stack.h"
#include "ops/cuda/stack.h"

namespace rn::ops {
namespace {

// The number of gradients in a stack whose gradients have the shape `one` each.
std::int64_t count_of(const Check& check, const char* name, const Tensor& stack, Shape one) {
  require(stack.rank() == static_cast<int>(one.size()) && one[0] > 0 && stack.dim(0) % one[0] == 0,
          "{}: {} is {}, no stack of {}", check.who(), name, stack, one);
  const std::int64_t count = stack.dim(0) / one[0];
  one[0] = stack.dim(0);
  check.tensor(name, stack, one);
  return count;
}

void check_products(const Check& check, std::int64_t count, std::int64_t images, std::int64_t total,
                    const Tensor& squares, const Tensor& dots) {
  require(total >= 0 && total < count, "{}: total {} of {}", check.who(), total, count);
  check.typed("squares", squares, {count, images}, Dtype::f64);
  check.typed("dots", dots, {count, images}, Dtype::f64);
}

}  // namespace

void conv_stack_backward(const Conv2d& conv, const ConvStack& args, Stream& stream) {
  const char* who = "conv_stack_backward";
  check(args.input, who);
  const Check check(who, "g", args.g);
  check.rank("weights", args.weights, 4);
  check.rank("input.x1", args.input.x1, 4);
  const Shape& shape = args.input.shape();
  require(args.images == shape[0], "{}: {} images, input {}", who, args.images, args.input.x1);
  check.tensor("input.x1", args.input.x1, shape);
  const Shape out = conv_output_shape(conv, shape, args.weights.shape());
  check.tensor("weights", args.weights,
               {out[3], args.weights.dim(1), args.weights.dim(2), shape[3]});
  const std::int64_t k = count_of(check, "g", args.g, out);
  check.optional("p", args.p, {out[3]});
  check.optional("scale", args.scale, {shape[3]});
  std::int64_t adds = -1;
  for (const Tensor& added : {args.inside, args.outside}) {
    if (!added) continue;
    const std::int64_t count = count_of(check, "inside or outside", added, shape);
    adds = adds < 0 ? count : std::min(adds, count);
  }
  require(count_of(check, "d_input", args.d_input, shape) ==
              static_cast<std::int64_t>(args.rows.size()),
          "{}: d_input {} for {} gradients", who, args.d_input, args.rows.size());
  for (const StackRow& row : args.rows) {
    require(row.conv >= -1 && row.conv < k && row.add >= -1 && (adds < 0 || row.add < adds),
            "{}: a gradient from {} and {} of {} and {}", who, row.conv, row.add, k, adds);
  }
  if (check.on_cpu(stream)) return cpu::conv_stack_backward(conv, args);
  cuda::conv_stack_backward(conv, args, stream);
}

void conv_stack_weights(const Conv2d& conv, const ConvStackWeights& args, Stream& stream) {
  const char* who = "conv_stack_weights";
  check(args.input, who);
  const Check check(who, "g", args.g);
  check.rank("input.x1", args.input.x1, 4);
  require(args.images == args.input.shape()[0], "{}: {} images, input {}", who, args.images,
          args.input.x1);
  const Shape out = conv_output_shape(conv, args.input.shape(), args.weights);
  check_products(check, count_of(check, "g", args.g, out), args.images, args.total, args.squares,
                 args.dots);
  check.optional("p", args.p, {out[3]});
  if (check.on_cpu(stream)) return cpu::conv_stack_weights(conv, args);
  cuda::conv_stack_weights(conv, args, stream);
}

void stack_products(const Tensor& x, std::int64_t images, std::int64_t total, const Tensor& squares,
                    const Tensor& dots, Stream& stream) {
  const Check check("stack_products", "x", x);
  require(images > 0 && x.rank() > 0 && x.dim(0) % images == 0,
          "stack_products: x is {}, no stack of {} images", x, images);
  check_products(check, x.dim(0) / images, images, total, squares, dots);
  if (check.on_cpu(stream)) return cpu::stack_products(x, images, total, squares, dots);
  cuda::stack_products(x, images, total, squares, dots, stream);
}

void stack_gram(const Tensor& x, std::int64_t images, const Tensor& gram, Stream& stream) {
  const Check check("stack_gram", "x", x);
  require(images > 0 && x.rank() > 0 && x.dim(0) % images == 0,
          "stack_gram: x is {}, no stack of {} images", x, images);
  const std::int64_t count = x.dim(0) / images;
  check.typed("gram", gram, {images, count, count}, Dtype::f64);
  if (check.on_cpu(stream)) return cpu::stack_gram(x, images, gram);
  cuda::stack_gram(x, images, gram, stream);
}

void stack_mask(const Tensor& x, const Operand& input, Stream& stream) {
  const char* who = "stack_mask";
  check(input, who);
  const Check check(who, "x", x);
  count_of(check, "x", x, input.shape());
  if (input.act == Activation::none) return;
  if (check.on_cpu(stream)) return cpu::stack_mask(x, input);
  cuda::stack_mask(x, input, stream);
}

}  // namespace rn::ops
