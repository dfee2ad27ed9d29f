#include "ops/flow.h"

#include <cmath>

#include "ops/check.h"
#include "ops/cpu/ops.h"
#include "ops/cuda/ops.h"

namespace rn::ops {

std::vector<FlowScale> flow_scales(const TvL1& p, std::int64_t h, std::int64_t w) {
  constexpr std::int64_t smallest = 16;  // side of a scale
  std::vector<FlowScale> scales{{h, w}};
  const auto smaller = [&](std::int64_t n) {
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(n) * p.scale_step));
  };
  while (static_cast<int>(scales.size()) < p.scales) {
    const FlowScale last = scales.back(), next{smaller(last.h), smaller(last.w)};
    const bool same = next.h == last.h && next.w == last.w;
    if (next.h < smallest || next.w < smallest || same) break;
    scales.push_back(next);
  }
  return scales;
}

void tv_l1_flow(const TvL1& p, const Tensor& from, const Tensor& to, const Tensor& flow,
                Stream& stream) {
  const Check check("tv_l1_flow", "from", from);
  check.rank("from", from, 3);
  check.tensor("to", to, from.shape());
  Shape field = from.shape();
  field.push_back(2);
  check.tensor("flow", flow, field);
  for (const double value : {p.tau, p.lambda, p.theta}) {
    require(value > 0 && std::isfinite(value),
            "tv_l1_flow: tau {}, lambda {} and theta {} must be positive", p.tau, p.lambda,
            p.theta);
  }
  require(p.epsilon >= 0, "tv_l1_flow: epsilon must not be negative, as {} is", p.epsilon);
  require(p.scale_step > 0 && p.scale_step < 1, "tv_l1_flow: scale_step must be in (0, 1), not {}",
          p.scale_step);
  for (const int count : {p.scales, p.warps, p.outer, p.inner}) {
    require(count > 0, "tv_l1_flow: scales, warps, outer and inner must be positive, not {}",
            count);
  }
  require(p.median == 1 || p.median == 3 || p.median == 5,
          "tv_l1_flow: median must be 1, 3 or 5, not {}", p.median);
  if (from.size() == 0) return;
  if (check.on_cpu(stream)) return cpu::tv_l1_flow(p, from, to, flow);
  cuda::tv_l1_flow(p, from, to, flow, stream);
}

}  // namespace rn::ops
