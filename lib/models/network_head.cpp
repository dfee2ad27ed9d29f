// The head's pooling over time: a maximum over windows of frames, behind the average over pixels or
// before it.
#include "models/network.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/temporal.h"

namespace rn::models {
namespace {

ops::TemporalMaxPool pool_of(const HeadSpec& head, const nn::Pass& pass) {
  if (pass.frames < head.pool_size) {
    fail(ErrorKind::usage, "a clip of {} frames, but the network pools over {} of them",
         pass.frames, head.pool_size);
  }
  return {pass.frames, head.pool_size, head.pool_stride};
}

// [N*T, ...] pooled.
Tensor pool_over_time(const ops::TemporalMaxPool& pool, const Tensor& x, const nn::Pass& pass) {
  Shape shape = x.shape();
  shape[0] = x.dim(0) / pool.frames * ((pool.frames - pool.size) / pool.stride + 1);
  const Tensor out = pass.pool.take(shape, x.dtype());
  ops::temporal_max_pool_forward(pool, x, out, pass.stream);
  return out;
}

}  // namespace

void Network::features_forward(const ops::Operand& value, const nn::Pass& pass,
                               Saved& saved) const {
  const ops::TemporalMaxPool pool = pool_of(spec_.head, pass);
  const Shape& s = value.shape();
  const Dtype full = wide(value.x1.dtype());
  if (spec_.head.temporal_pool == TemporalPool::after_average) {
    saved.frame_values = pass.pool.take({s[0], s[3]}, full);
    ops::global_average_pool_forward(value, saved.frame_values, pass.stream);
    saved.features = pool_over_time(pool, saved.frame_values, pass);
    return;
  }
  saved.frame_values = value.x1;
  if (!value.plain()) {
    saved.frame_values = pass.pool.take(s, value.x1.dtype());
    ops::operand_forward(value, saved.frame_values, nullptr, pass.stream);
    saved.head_operand.stored = saved.frame_values;
  }
  saved.pooled = pool_over_time(pool, saved.frame_values, pass);
  saved.features = pass.pool.take({saved.pooled.dim(0), s[3]}, full);
  ops::global_average_pool_forward(ops::operand(saved.pooled), saved.features, pass.stream);
}

Tensor Network::features_backward(const Tensor& d_features, const ops::Reductions& reductions,
                                  const nn::Pass& pass, Saved& saved) const {
  const ops::TemporalMaxPool pool = pool_of(spec_.head, pass);
  const Tensor& x = saved.frame_values;
  const Tensor d_x = pass.pool.take(x.shape(), x.dtype());
  const Tensor d = pass.pool.take(saved.head_operand.shape(), saved.head_operand.x1.dtype());
  if (spec_.head.temporal_pool == TemporalPool::after_average) {
    ops::temporal_max_pool_backward(pool, x, d_features, d_x, pass.stream);
    ops::global_average_pool_backward(d_x, saved.head_operand, d, reductions, pass.stream);
    return d;
  }
  const Tensor d_pooled = pass.pool.take(saved.pooled.shape(), saved.pooled.dtype());
  ops::global_average_pool_backward(d_features, ops::operand(saved.pooled), d_pooled, {},
                                    pass.stream);
  ops::temporal_max_pool_backward(pool, x, d_pooled, d_x, pass.stream);
  ops::operand_backward(ops::gradient(d_x), saved.head_operand, d, reductions, pass.stream);
  return d;
}

}  // namespace rn::models
