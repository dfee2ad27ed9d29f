#include "nn/norm.h"

namespace rn::nn {

BatchNorm::BatchNorm(const std::string& name, std::int64_t channels, double eps, double momentum,
                     Store& store)
    : name_(name), channels_(channels), eps_(eps), momentum_(momentum) {
  gamma_ = store.parameter(name + ".weight", {channels}, ParameterKind::norm_scale);
  beta_ = store.parameter(name + ".bias", {channels}, ParameterKind::norm_shift);
  running_mean_ = store.state(name + ".running_mean", {channels}, 0);
  running_var_ = store.state(name + ".running_var", {channels}, 1);
}

const ops::Affine& BatchNorm::forward(const ops::Moments& moments, double gate, const Pass& pass,
                                      Saved& saved) const {
  if (pass.batch_statistics) {
    require(moments.count > 0, "{}: the batch's moments are missing", name_);
    ops::batch_norm_forward(behind(moments, gate, saved), pass.stream);
    saved.moments = moments;
  } else {
    ops::BatchNormForward args = behind({}, gate, saved);
    args.moments = nullptr;
    args.running_mean = running_mean_->value;
    args.running_var = running_var_->value;
    saved.moments = {};
    ops::batch_norm_forward(args, pass.stream);
  }
  return saved.affine;
}

ops::BatchNormForward BatchNorm::behind(const ops::Moments& moments, double gate,
                                        Saved& saved) const {
  for (Tensor* vector : {&saved.affine.scale, &saved.affine.shift, &saved.mean, &saved.inv_std}) {
    vector->ensure({channels_}, gamma_->value.dtype(), Tag::statistics, gamma_->value.device());
  }
  return {.moments = &moments,
          .gamma = gamma_->value,
          .beta = beta_->value,
          .eps = eps_,
          .gate = gate,
          .affine = saved.affine,
          .mean = saved.mean,
          .inv_std = saved.inv_std};
}

ops::Reduction BatchNorm::reduction(const Tensor& raw, Saved& saved) const {
  saved.sums.ensure({2, channels_}, Dtype::f64, Tag::statistics, raw.device());
  return {raw, saved.mean, saved.sums};
}

ops::Gradient BatchNorm::backward(const Tensor& g, const Tensor& raw, double gate, const Pass& pass,
                                  Saved& saved) const {
  for (Tensor* vector : {&saved.p, &saved.q, &saved.r}) {
    vector->ensure({channels_}, gamma_->value.dtype(), Tag::statistics, raw.device());
  }
  ops::BatchNormBackward args;
  args.sums = saved.sums;
  args.count = saved.moments.count;
  args.gamma = gamma_->value;
  args.mean = saved.mean;
  args.inv_std = saved.inv_std;
  args.gate = gate;
  args.p = saved.p;
  args.q = saved.q;
  args.r = saved.r;
  args.d_gamma = gamma_->gradient;
  args.d_beta = beta_->gradient;
  ops::batch_norm_backward(args, pass.stream);
  ops::Gradient out = ops::gradient(g);
  out.p = saved.p;
  if (args.count > 0) {
    out.c = raw;
    out.q = saved.q;
    out.r = saved.r;
  }
  return out;
}

void BatchNorm::commit(const Saved& saved, std::vector<ops::BatchNormUpdate>& to,
                       std::optional<double> momentum) const {
  if (saved.moments.count == 0) return;
  to.push_back({saved.moments, momentum.value_or(momentum_), true, running_mean_->value,
                running_var_->value});
}

}  // namespace rn::nn
