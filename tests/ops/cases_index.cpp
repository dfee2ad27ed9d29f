// Rows of the first axis.
#include "ops/case.h"
#include "ops/index.h"

namespace rn::test {
namespace {

Tensor numbers(const std::vector<std::int32_t>& rows) {
  const Tensor tensor({static_cast<std::int64_t>(rows.size())}, Dtype::i32, Tag::workspace);
  std::copy(rows.begin(), rows.end(), tensor.data<std::int32_t>());
  return tensor;
}

void add(Cases& cases, const Shape& whole, const std::vector<std::int32_t>& rows) {
  Shape part = whole;
  part[0] = static_cast<std::int64_t>(rows.size());
  const std::int64_t size = element_count(whole) / whole[0];
  Case of;
  of.op = "index";
  of.bf16 = true;
  of.name = fmt::format("{}-rows{}", fmt::join(whole, "x"), rows.size());
  Step select, scatter;
  select.op = "index_select";
  // Any number of rows will do, as long as those that are asked for are there.
  select.specs = {{"input", whole, Role::in, normal(), Dtype::bf16, 0, true, true},
                  {"output", part, Role::out}};
  select.run = [=](Tensors& t, Stream& stream) {
    ops::index_select(t("input"), numbers(rows), t("output"), stream);
  };
  select.reference = [=](Values& v) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::int64_t k = 0; k < size; ++k) {
        v["output"][static_cast<std::int64_t>(i) * size + k] = v["input"][rows[i] * size + k];
      }
    }
  };
  scatter.op = "index_add";
  scatter.specs = {{"input", part},
                   {"output", whole, Role::add, normal(), Dtype::bf16, 0, true, true}};
  scatter.run = [=](Tensors& t, Stream& stream) {
    ops::index_add(t("input"), numbers(rows), t("output"), stream);
  };
  scatter.reference = [=](Values& v) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::int64_t k = 0; k < size; ++k) {
        v["output"][rows[i] * size + k] += v["input"][static_cast<std::int64_t>(i) * size + k];
      }
    }
  };
  of.steps = {select, scatter};
  cases.push_back(std::move(of));
}

}  // namespace

void index_cases(Cases& cases) {
  add(cases, {5, 3, 2, 7}, {0, 2, 3});
  add(cases, {1, 4}, {0});
  add(cases, {37, 6, 6, 16}, {36, 0, 7, 8, 20, 21, 22, 35, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13});
  Case of;
  of.op = "index";
  of.bf16 = true;
  of.name = "refuses";
  of.extra = [] {
    const Tensor x = Tensor::zeros({4, 2}, Dtype::f32, Tag::workspace),
                 y = Tensor::zeros({1, 2}, Dtype::f32, Tag::workspace);
    expect_refused("index_select", "a row behind the last",
                   [&] { ops::index_select(x, numbers({4}), y); });
    expect_refused("index_select", "a negative row",
                   [&] { ops::index_select(x, numbers({-1}), y); });
    expect_refused("index_add", "a row behind the last",
                   [&] { ops::index_add(y, numbers({4}), x); });
    expect_refused("index_add", "rows that are no numbers", [&] { ops::index_add(y, y, x); });
  };
  cases.push_back(std::move(of));
}

}  // namespace rn::test
