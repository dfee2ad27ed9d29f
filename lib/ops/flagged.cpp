#include "ops/flagged.h"

#include "ops/check.h"
#include "ops/cuda/flagged.h"

namespace rn::ops {
namespace {

void check_flags(const Check& check, const Tensor& flags, std::int64_t flag, Stream& stream) {
  check.typed("flags", flags, flags.shape(), Dtype::i32);
  require(flag >= 0 && flag < flags.size(), "{}: flag {} of {}", check.who(), flag, flags.size());
  require(!check.on_cpu(stream), "{}: flags are for a GPU", check.who());
}

void check_updates(std::span<const BatchNormUpdate> updates, const Tensor& flags, std::int64_t flag,
                   Stream& stream) {
  const Check check("batch_norm_update", "running_mean", updates[0].running_mean);
  for (const BatchNormUpdate& u : updates) {
    const Shape& vector = u.running_mean.shape();
    check.tensor("running_mean", u.running_mean, vector);
    check.tensor("running_var", u.running_var, vector);
    require(u.moments.count >= (u.unbiased ? 2 : 1), "{}: moments of {} values per channel",
            check.who(), u.moments.count);
    check.typed("moments.mean", u.moments.mean, vector, Dtype::f64);
    check.typed("moments.m2", u.moments.m2, vector, Dtype::f64);
  }
  check_flags(check, flags, flag, stream);
}

}  // namespace

void tally(const Tally& args, Stream& stream) {
  const Check check("tally", "logits", args.logits);
  check.rank("logits", args.logits, 2);
  const Shape rows{args.logits.dim(0)};
  check.typed("losses", args.losses, rows, Dtype::f64);
  check.typed("labels", args.labels, rows, Dtype::i32);
  if (args.others) {
    check.typed("others", args.others, rows, Dtype::i32);
    check.typed("shares", args.shares, rows, Dtype::f64);
  }
  check.typed("report", args.report, {2}, Dtype::f64);
  check_flags(check, args.flags, args.flag, stream);
  cuda::tally(args, stream);
}

void batch_norm_check(std::span<const BatchNormUpdate> updates, const Tensor& flags,
                      std::int64_t flag, Stream& stream) {
  if (updates.empty()) return;
  check_updates(updates, flags, flag, stream);
  cuda::batch_norm_check(updates, flags, flag, stream);
}

void batch_norm_update(std::span<const BatchNormUpdate> updates, const Tensor& flags,
                       Stream& stream) {
  if (updates.empty()) return;
  check_updates(updates, flags, 0, stream);
  cuda::batch_norm_update(updates, flags, stream);
}

}  // namespace rn::ops
