#include "ops/index.h"

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {
namespace {

// `whole` [N, ...] against `part` [n, ...] and rows [n].
void check_rows(const Check& check, const char* whole_name, const Tensor& whole,
                const char* part_name, const Tensor& part, const Tensor& rows) {
  require(
      rows.defined() && rows.rank() == 1 && rows.dtype() == Dtype::i32 && rows.device().is_cpu(),
      "{}: rows must be int32 [n] on the CPU, not {}", check.who(), rows);
  require(whole.rank() >= 1, "{}: {} has no rows", check.who(), whole_name);
  Shape shape = whole.shape();
  shape[0] = rows.dim(0);
  check.tensor(part_name, part, shape);
  for (const std::int32_t row : rows.span<std::int32_t>()) {
    require(row >= 0 && row < whole.dim(0), "{}: row {} of {}, which has {}", check.who(), row,
            whole_name, whole.dim(0));
  }
}

}  // namespace

void index_select(const Tensor& input, const Tensor& rows, const Tensor& output, Stream& stream) {
  const Check check("index_select", "input", input);
  check_rows(check, "input", input, "output", output, rows);
  if (check.on_cpu(stream)) return cpu::index_select(input, rows, output);
  cuda::index_select(input, rows, output, stream);
}

void index_add(const Tensor& input, const Tensor& rows, const Tensor& output, Stream& stream) {
  const Check check("index_add", "output", output);
  check_rows(check, "output", output, "input", input, rows);
  if (check.on_cpu(stream)) return cpu::index_add(input, rows, output);
  cuda::index_add(input, rows, output, stream);
}

}  // namespace rn::ops
