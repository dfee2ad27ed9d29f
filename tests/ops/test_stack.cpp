// Stacks of gradients against one gradient after the other.
#include "base/parallel.h"
#include "base/rng.h"
#include "ops/pointwise.h"
#include "ops/stack.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::ops;

namespace {

template <class T>
Tensor random_tensor(const Shape& shape, std::uint64_t stream) {
  Tensor tensor(shape, dtype_of<T>, Tag::input);
  Rng rng(11, RngPurpose::test, stream);
  for (T& x : tensor.span<T>()) x = static_cast<T>(rng.normal());
  return tensor;
}

double worst(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double most = 0, largest = 0;
  const Tensor x = a.cast(Dtype::f64, Tag::input), y = b.cast(Dtype::f64, Tag::input);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    most = std::max(most, std::abs(x.data<double>()[i] - y.data<double>()[i]));
    largest = std::max(largest, std::abs(y.data<double>()[i]));
  }
  REQUIRE(largest > 0);
  return most / largest;
}

template <class T>
struct Layer {
  static constexpr std::int64_t images = 5, k = 4;
  Conv2d conv{2, 2, 1, 1};
  Tensor x = random_tensor<T>({images, 6, 6, 3}, 1), scale = random_tensor<T>({3}, 2),
         shift = random_tensor<T>({3}, 3), w = random_tensor<T>({7, 3, 3, 3}, 4),
         p = random_tensor<T>({7}, 5), g = random_tensor<T>({k * images, 3, 3, 7}, 6),
         add = random_tensor<T>({k * images, 6, 6, 3}, 7);
  Operand input{x, {scale, shift}, {}, {}, Activation::relu, {}};
  std::vector<StackRow> rows{{-1, 0}, {0, 1}, {1, 2}, {2, -1}, {3, 3}, {-1, -1}};

  ConvStack args() {
    ConvStack a;
    a.images = images;
    a.g = g;
    a.p = p;
    a.input = input;
    a.weights = w;
    a.alpha = 0.5;
    a.rows = rows;
    a.d_input = random_tensor<T>({6 * images, 6, 6, 3}, 8);  // is overwritten
    return a;
  }
  Tensor gradient(const Tensor& stack, std::int64_t at) const {
    return stack.slice(at * images, (at + 1) * images);
  }
  // What args() asks for, gradient by gradient.
  Tensor one_by_one(const Tensor& inside, const Tensor& outside, const Tensor& factor) {
    Tensor out = Tensor::zeros({6 * images, 6, 6, 3}, dtype_of<T>, Tag::input);
    for (std::size_t j = 0; j < rows.size(); ++j) {
      ConvBackward a;
      const Tensor zero = Tensor::zeros({images, 3, 3, 7}, dtype_of<T>, Tag::input);
      a.gradient = ops::gradient(rows[j].conv < 0 ? zero : gradient(g, rows[j].conv));
      a.gradient.p = p;
      a.input = input;
      a.weights = w;
      a.alpha = 0.5;
      if (inside && rows[j].add >= 0) a.shortcut = gradient(inside, rows[j].add);
      a.d_input = gradient(out, static_cast<std::int64_t>(j));
      conv_backward(conv, a);
      Gradient d = ops::gradient(a.d_input);
      d.p = factor;
      if (outside && rows[j].add >= 0) d.add = gradient(outside, rows[j].add);
      gradient_forward(d, a.d_input);
    }
    return out;
  }
};

}  // namespace

TEMPLATE_TEST_CASE("a stack through a convolution is its gradients one by one", "[ops]", float,
                   double) {
  const double tolerance = std::is_same_v<TestType, float> ? 1e-5 : 1e-13;
  const int lanes_before = lanes();
  set_lanes(GENERATE(16, 2));
  Layer<TestType> layer;
  for (const bool inside : {false, true}) {
    for (const bool outside : {false, true}) {
      for (const bool scaled : {false, true}) {
        INFO(inside << outside << scaled);
        ConvStack args = layer.args();
        if (inside) args.inside = layer.add;
        if (outside) args.outside = layer.add;
        if (scaled) args.scale = layer.scale;
        conv_stack_backward(layer.conv, args);
        CHECK(worst(args.d_input, layer.one_by_one(args.inside, args.outside, args.scale)) <
              tolerance);
      }
    }
  }
  set_lanes(lanes_before);
}

TEMPLATE_TEST_CASE("products of weights' gradients, image by image", "[ops]", float, double) {
  const double tolerance = std::is_same_v<TestType, float> ? 1e-5 : 1e-12;
  Layer<TestType> layer;
  const std::int64_t n = layer.images, k = layer.k;
  ConvStackWeights args{.images = n,
                        .g = layer.g,
                        .p = layer.p,
                        .input = layer.input,
                        .weights = layer.w.shape(),
                        .alpha = 0.5,
                        .total = 2};
  args.squares = Tensor::zeros({k, n}, Dtype::f64, Tag::input);
  args.dots = Tensor::zeros({k, n}, Dtype::f64, Tag::input);
  conv_stack_weights(layer.conv, args);
  const Tensor squares = Tensor::zeros({k, n}, Dtype::f64, Tag::input),
               dots = Tensor::zeros({k, n}, Dtype::f64, Tag::input);
  for (std::int64_t image = 0; image < n; ++image) {
    std::vector<Tensor> gradients;
    for (std::int64_t at = 0; at < k; ++at) {
      ConvBackward one;
      one.gradient = gradient(layer.g.slice(at * n + image, at * n + image + 1));
      one.gradient.p = layer.p;
      one.input = layer.input;
      one.input.x1 = layer.x.slice(image, image + 1);
      one.weights = layer.w;
      one.alpha = 0.5;
      one.d_weights = Tensor::zeros(layer.w.shape(), dtype_of<TestType>, Tag::gradient);
      conv_backward(layer.conv, one);
      gradients.push_back(one.d_weights);
    }
    for (std::int64_t at = 0; at < k; ++at) {
      const auto a = gradients[static_cast<std::size_t>(at)].template span<TestType>(),
                 b = gradients[2].template span<TestType>();
      for (std::size_t i = 0; i < a.size(); ++i) {
        squares.data<double>()[at * n + image] +=
            static_cast<double>(a[i]) * static_cast<double>(a[i]);
        dots.data<double>()[at * n + image] +=
            static_cast<double>(a[i]) * static_cast<double>(b[i]);
      }
    }
  }
  CHECK(worst(args.squares, squares) < tolerance);
  CHECK(worst(args.dots, dots) < tolerance);
  conv_stack_weights(layer.conv, args);  // added
  for (double& square : squares.span<double>()) square *= 2;
  CHECK(worst(args.squares, squares) < tolerance);
}

TEST_CASE("a stack's masks and products", "[ops]") {
  Layer<double> layer;
  const Tensor masked = layer.add.clone();
  stack_mask(masked, layer.input);
  const Tensor squares({4, 5}, Dtype::f64, Tag::input), dots({4, 5}, Dtype::f64, Tag::input);
  stack_products(layer.add, 5, 1, squares, dots);
  for (std::int64_t at = 0; at < 4; ++at) {
    const Tensor one = layer.gradient(layer.add, at).clone();
    operand_backward(gradient(one), layer.input, one);
    CHECK(worst(layer.gradient(masked, at), one) == 0);
    for (std::int64_t n = 0; n < 5; ++n) {
      double square = 0, dot = 0;
      for (std::int64_t i = 0; i < 108; ++i) {
        const double a = layer.add.data<double>()[(at * 5 + n) * 108 + i],
                     b = layer.add.data<double>()[(5 + n) * 108 + i];
        square += a * a;
        dot += a * b;
      }
      CHECK(squares.data<double>()[at * 5 + n] == Approx(square).epsilon(1e-13));
      CHECK(dots.data<double>()[at * 5 + n] == Approx(dot).epsilon(1e-12).margin(1e-12));
    }
  }
}

TEST_CASE("broken contracts of stacks are shape errors", "[ops]") {
  Layer<float> layer;
  const auto refused = [&](auto&& change) {
    ConvStack args = layer.args();
    change(args);
    try {
      conv_stack_backward(layer.conv, args);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::shape;
    }
    return false;
  };
  CHECK(!refused([](ConvStack&) {}));
  CHECK(refused([](ConvStack& a) { a.images = 4; }));
  CHECK(refused([](ConvStack& a) { a.g = a.g.slice(0, 19); }));
  CHECK(refused([](ConvStack& a) { a.d_input = a.d_input.slice(0, 25); }));
  CHECK(refused([&](ConvStack& a) { a.p = layer.scale; }));
  CHECK(refused([&](ConvStack& a) { a.scale = layer.p; }));
  CHECK(refused([&](ConvStack& a) { a.inside = layer.add.slice(0, 15); }));
  layer.rows[1].conv = 4;
  CHECK(refused([](ConvStack&) {}));
}
