#include <limits>
#include <numeric>

#include "support/catch.h"
#include "tensor/tensor.h"

using rn::Dtype;
using rn::ErrorKind;
using rn::Ledger;
using rn::Shape;
using rn::Tag;
using rn::Tensor;

namespace {

Tensor counting(const Shape& shape) {
  Tensor tensor(shape, Dtype::f32, Tag::activation);
  const auto values = tensor.span<float>();
  std::iota(values.begin(), values.end(), 0.0f);
  return tensor;
}

template <class F>
ErrorKind kind_of(F&& f) {
  try {
    f();
  } catch (const rn::Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::failed;
}

}  // namespace

TEST_CASE("a tensor is a shared handle; clone copies") {
  const Tensor none;
  CHECK(!none.defined());
  CHECK(none.raw() == nullptr);
  CHECK(none.describe() == "no tensor");

  const Tensor a = counting({2, 3});
  CHECK(a.describe() == "float32 [2, 3] on cpu");
  CHECK(a.size() == 6);
  CHECK(a.bytes() == 24);
  CHECK(a.dim(1) == 3);
  CHECK(a.dim(-2) == 2);
  CHECK(kind_of([&] { a.dim(2); }) == ErrorKind::shape);
  CHECK(kind_of([&] { a.data<double>(); }) == ErrorKind::shape);

  const Tensor shared = a, copy = a.clone();
  CHECK(copy.tag() == Tag::activation);
  a.data<float>()[4] = -1;
  CHECK(shared.data<float>()[4] == -1);
  CHECK(copy.data<float>()[4] == 4);
}

TEST_CASE("slices and reshapes are views") {
  const Tensor a = counting({4, 2, 3});
  const Tensor middle = a.slice(1, 3);
  CHECK(middle.shape() == Shape{2, 2, 3});
  CHECK(middle.data<float>()[0] == 6);
  CHECK(middle.slice(1, 2).data<float>()[5] == 17);
  CHECK(a.slice(4, 4).size() == 0);
  middle.data<float>()[0] = 100;
  CHECK(a.data<float>()[6] == 100);
  for (const auto& [begin, end] : {std::pair{-1, 2}, {3, 5}, {3, 2}}) {
    CHECK(kind_of([&, b = begin, e = end] { a.slice(b, e); }) == ErrorKind::shape);
  }

  const Tensor flat = middle.reshape({12});
  CHECK(flat.shape() == Shape{12});
  CHECK(flat.data<float>() == middle.data<float>());
  CHECK(kind_of([&] { a.reshape({5, 5}); }) == ErrorKind::shape);

  // A tensor without rows can still be looked at.
  const Tensor empty({0, 3}, Dtype::f32, Tag::activation);
  CHECK(empty.slice(0, 0).size() == 0);
  CHECK(empty.clone().size() == 0);
  empty.zero();
}

TEST_CASE("ensure allocates only when it must") {
  const Ledger& ledger = Ledger::global();
  Tensor a;
  a.ensure({8, 10}, Dtype::f32, Tag::activation);
  const void* const memory = a.raw();
  const auto allocations = ledger.allocations();
  for (const Shape& shape : {Shape{8, 10}, Shape{4, 10}, Shape{80}, Shape{1}, Shape{8, 10}}) {
    a.ensure(shape, Dtype::f32, Tag::activation);
    CHECK(a.shape() == shape);
    CHECK(a.size() == rn::element_count(shape));
    CHECK(a.raw() == memory);
  }
  CHECK(ledger.allocations() == allocations);

  a.ensure({81}, Dtype::f32, Tag::activation);  // too large
  CHECK(ledger.allocations() == allocations + 1);
  a.ensure({40}, Dtype::f64, Tag::activation);  // of another type
  CHECK(a.dtype() == Dtype::f64);
  CHECK(ledger.allocations() == allocations + 2);
  a.ensure({40}, Dtype::f64, Tag::gradient);  // for another purpose
  CHECK(a.tag() == Tag::gradient);
  CHECK(ledger.allocations() == allocations + 3);

  // A slice does not take the rest of its neighbours' memory.
  Tensor part = counting({4, 2}).slice(2, 4);
  part.ensure({2, 2}, Dtype::f32, Tag::activation);
  CHECK(ledger.allocations() == allocations + 5);
}

TEST_CASE("sizes are checked before memory is asked for") {
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  const auto live = Ledger::global().live_total();
  const auto allocations = Ledger::global().allocations();
  for (const Shape& shape :
       {Shape{huge, 2}, Shape{1 << 20, 1 << 20, 1 << 20, 1 << 20}, Shape{std::int64_t{1} << 62, 4},
        Shape{-1}, Shape{3, -3}, Shape{0, huge, huge}, Shape{huge, huge, 0}, Shape{0, -1}}) {
    CHECK(kind_of([&] { rn::element_count(shape); }) == ErrorKind::failed);
    CHECK(kind_of([&] { Tensor(shape, Dtype::f32, Tag::input); }) == ErrorKind::failed);
    Tensor kept({2}, Dtype::u8, Tag::input);
    CHECK(kind_of([&] { kept.ensure(shape, Dtype::u8, Tag::input); }) == ErrorKind::failed);
    CHECK(kept.size() == 2);  // and it is still there
  }
  CHECK(Ledger::global().live_total() == live);
  CHECK(Ledger::global().allocations() == allocations + 8);  // the eight kept ones
  CHECK(rn::element_count({}) == 1);
  CHECK(rn::element_count({5, 0, 7}) == 0);
}

TEST_CASE("cast, copy_from and zero") {
  const Tensor a = counting({5});
  const Tensor wide = a.cast(Dtype::f64, Tag::workspace);
  CHECK(wide.data<double>()[3] == 3.0);
  wide.data<double>()[3] = 0.1;
  CHECK(wide.cast(Dtype::f32, Tag::workspace).data<float>()[3] == 0.1f);
  CHECK(kind_of([&] { a.cast(Dtype::i32, Tag::workspace); }) == ErrorKind::shape);

  const Tensor b = Tensor::zeros({5}, Dtype::f32, Tag::workspace);
  CHECK(b.data<float>()[4] == 0);
  b.copy_from(a);
  CHECK(b.data<float>()[4] == 4);
  CHECK(kind_of([&] { b.copy_from(wide); }) == ErrorKind::shape);
  CHECK(kind_of([&] { b.copy_from(counting({6})); }) == ErrorKind::shape);
  b.zero();
  CHECK(b.data<float>()[4] == 0);
}

TEST_CASE("types have sizes and names") {
  CHECK(rn::size_of(Dtype::bf16) == 2);
  CHECK(rn::size_of(Dtype::f64) == 8);
  CHECK(std::string(to_string(Dtype::f32)) == "float32");
  CHECK(rn::dtype_of<float> == Dtype::f32);
  CHECK(rn::dtype_of<std::uint8_t> == Dtype::u8);
  const auto width = [](Dtype dtype) {
    return rn::with_float(dtype, "test", [&]<class T>() { return sizeof(T); });
  };
  CHECK(width(Dtype::f32) == 4);
  CHECK(width(Dtype::f64) == 8);
  CHECK(kind_of([&] { width(Dtype::bf16); }) == ErrorKind::shape);
  CHECK(rn::wide(Dtype::bf16) == Dtype::f32);
  CHECK(rn::wide(Dtype::f64) == Dtype::f64);
}

TEST_CASE("bfloat16 rounds to nearest even, and keeps what is not finite") {
  using rn::bfloat16;
  const auto rounded = [](float x) { return static_cast<float>(bfloat16(x)); };
  CHECK(rounded(1.0F) == 1.0F);
  CHECK(rounded(-0.0F) == 0.0F);
  CHECK(rounded(1.0F + 0x1p-8F) == 1.0F);                       // a tie, down to even
  CHECK(rounded(1.0F + 3 * 0x1p-8F) == 1.0F + 2 * 0x1p-7F);     // a tie, up to even
  CHECK(rounded(1.0F + 0x1p-8F + 0x1p-20F) == 1.0F + 0x1p-7F);  // just above a tie
  CHECK(rounded(-3.14159F) == -3.140625F);
  CHECK(std::isinf(rounded(3.4e38F)));
  CHECK(std::isinf(rounded(-INFINITY)));
  CHECK(std::isnan(rounded(NAN)));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {  // every value is its own rounding
    bfloat16 x;
    x.bits = static_cast<std::uint16_t>(bits);
    const float value = x;
    if (std::isnan(value)) continue;
    REQUIRE(bfloat16(value).bits == x.bits);
  }
  const Tensor wide = counting({3}).cast(Dtype::bf16, rn::Tag::input);
  CHECK(wide.dtype() == Dtype::bf16);
  CHECK(wide.cast(Dtype::f64, rn::Tag::input).data<double>()[2] == 2);
}
