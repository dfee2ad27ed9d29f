// What the ops compute, written down once more: straightforward loops in double precision, from the
// text of the contracts in lib/ops/*.h. Never optimise this.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace rn::test {

// A tensor in double precision, row-major.
struct Array {
  Shape shape;
  std::vector<double> v;

  Array() = default;
  explicit Array(Shape of, double value = 0)
      : shape(std::move(of)), v(static_cast<std::size_t>(element_count(shape)), value) {}
  std::int64_t size() const { return static_cast<std::int64_t>(v.size()); }
  std::int64_t dim(int axis) const {
    return shape[axis < 0 ? shape.size() - static_cast<std::size_t>(-axis)
                          : static_cast<std::size_t>(axis)];
  }
  double& operator[](std::int64_t i) { return v[static_cast<std::size_t>(i)]; }
  double operator[](std::int64_t i) const { return v[static_cast<std::size_t>(i)]; }
  double& at(std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t c) {
    return v[static_cast<std::size_t>(((n * shape[1] + y) * shape[2] + x) * shape[3] + c)];
  }
  double at(std::int64_t n, std::int64_t y, std::int64_t x, std::int64_t c) const {
    return const_cast<Array*>(this)->at(n, y, x, c);
  }
};

// The tensors of a call by name; those that are optional and absent are not in it.
using Values = std::map<std::string, Array>;
const Array* find(const Values& values, const std::string& name);  // nullptr if absent

// f1(x1) [+ f2(x2)], from x1 a1 b1 x2 a2 b2.
Array before_activation(const Values& values);
Array activate(const Array& x, bool relu);
// d where x > 0, else 0; d itself without relu.
Array mask(const Array& d, const Array& x, bool relu);
// p*g + q*c + r [+ add], from g p c q r add.
Array gradient_value(const Values& values);

struct ReferenceMoments {
  Array mean, m2;
};
ReferenceMoments moments(const Array& y);
// [2, C]: sum of d, sum of d * (against - center); against and center may be null.
Array reduction(const Array& d, const Array* against, const Array* center);

struct Window2d {
  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
  int extra_h = 0, extra_w = 0;  // more padding at the end
};
Array conv(const Array& x, const Array& weights, const Window2d& window);
Array conv_d_input(const Array& d_y, const Array& weights, const Shape& x, const Window2d& window);
Array conv_d_weights(const Array& d_y, const Array& x, const Shape& weights,
                     const Window2d& window);

Array pool(const Array& x, const Window2d& window, bool max);
Array pool_d_input(const Array& d_y, const Array& x, const Window2d& window, bool max);
Array global_average(const Array& x);
Array global_average_d_input(const Array& d_y, const Shape& x);
Array pad_shortcut(const Array& x, int stride, bool average, int front, std::int64_t channels);
Array pad_shortcut_d_input(const Array& d_y, const Shape& x, int stride, bool average, int front);

Array linear(const Array& x, const Array& weights, const Array* bias);
void linear_backward(const Array& d_y, const Array& x, const Array& weights, Array& d_x,
                     Array& d_weights, Array& d_bias);

void cross_entropy(const Array& logits, const Array& labels, double smoothing, double scale,
                   Array& losses, Array& d_logits);

}  // namespace rn::test
