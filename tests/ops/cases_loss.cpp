// Softmax cross-entropy.
#include "ops/case.h"
#include "ops/loss.h"

namespace rn::test {
namespace {

void add(Cases& cases, std::int64_t n, int k, double smoothing, double scale, double spread,
         bool with_gradient = true, bool bench = false) {
  Case of;
  of.op = "loss";
  of.name = fmt::format("{}x{}-s{}-scale{}-spread{}{}", n, k, smoothing, scale, spread,
                        with_gradient ? "" : "-no_d_logits");
  of.bench = bench;
  const ops::SoftmaxCrossEntropy attr{smoothing, scale};
  Step step;
  step.op = "softmax_cross_entropy";
  step.specs = {
      {"logits", {n, k}, Role::in, normal(0, spread), Dtype::bf16, 0, true, false, !with_gradient},
      {"labels", {n}, Role::in, labels(k), Dtype::i32},
      {"losses", {n}, Role::out, normal(), Dtype::f64, 1e-3}};
  if (with_gradient) {
    step.specs.push_back({"d_logits", {n, k}, Role::out, normal(), Dtype::bf16, 1e-3, false});
  }
  step.run = [attr](Tensors& t, Stream& stream) {
    ops::softmax_cross_entropy(attr, t("logits"), t("labels"), t("losses"), t("d_logits"), stream);
  };
  step.reference = [=](Values& v) {
    Array d_logits;
    cross_entropy(v["logits"], v["labels"], smoothing, scale, v["losses"], d_logits);
    if (with_gradient) v["d_logits"] = d_logits;
  };
  of.steps = {step, step};  // one call does both
  if (with_gradient && !bench) {
    of.loss = [scale](const Values& v) {
      double sum = 0;
      for (const double loss : v.at("losses").v) sum += scale * loss;
      return sum;
    };
    of.derivatives = {{"logits", [](const Values& v) { return v.at("d_logits"); }}};
  }
  cases.push_back(std::move(of));
}

// Images mixed of two: the loss is that of both labels, by their shares.
void add_mixed(Cases& cases, std::int64_t n, int k, double smoothing) {
  Case of;
  of.op = "loss";
  of.name = fmt::format("{}x{}-s{}-mixed", n, k, smoothing);
  const ops::SoftmaxCrossEntropy attr{smoothing, 0.5};
  Step step;
  step.op = "softmax_cross_entropy";
  step.specs = {{"logits", {n, k}},
                {"labels", {n}, Role::in, labels(k), Dtype::i32},
                {"others", {n}, Role::in, labels(k), Dtype::i32},
                {"shares", {n}, Role::in, uniform(0, 1), Dtype::f64},
                {"losses", {n}, Role::out, normal(), Dtype::f64, 1e-3},
                {"d_logits", {n, k}, Role::out, normal(), Dtype::bf16, 1e-3, false}};
  step.run = [attr](Tensors& t, Stream& stream) {
    ops::SoftmaxCrossEntropy mixed = attr;
    mixed.others = t("others");
    mixed.shares = t("shares");
    ops::softmax_cross_entropy(mixed, t("logits"), t("labels"), t("losses"), t("d_logits"), stream);
  };
  step.reference = [=](Values& v) {
    Array losses, d_logits;
    cross_entropy(v["logits"], v["labels"], smoothing, attr.scale, v["losses"], v["d_logits"]);
    cross_entropy(v["logits"], v["others"], smoothing, attr.scale, losses, d_logits);
    for (std::int64_t i = 0; i < n; ++i) {
      const double share = v["shares"][i];
      v["losses"][i] = share * v["losses"][i] + (1 - share) * losses[i];
      for (std::int64_t j = i * k; j < (i + 1) * k; ++j) {
        v["d_logits"][j] = share * v["d_logits"][j] + (1 - share) * d_logits[j];
      }
    }
  };
  step.rejects = false;  // the plain cases are held against broken tensors
  of.steps = {step};
  cases.push_back(std::move(of));
}

void add_labels(Cases& cases) {
  Case of;
  of.op = "loss";
  of.name = "refuses-labels";
  of.extra = [] {
    const Tensor logits = Tensor::zeros({3, 4}, Dtype::f32, Tag::workspace);
    const Tensor label = Tensor::zeros({3}, Dtype::i32, Tag::workspace);
    const Tensor losses = Tensor::zeros({3}, Dtype::f64, Tag::workspace);
    const auto call = [&](double smoothing) {
      ops::softmax_cross_entropy({smoothing, 1}, logits, label, losses, {});
    };
    call(0);
    for (const int bad : {-1, 4, 1 << 30}) {
      label.data<std::int32_t>()[2] = bad;
      expect_refused("softmax_cross_entropy", "label " + std::to_string(bad), [&] { call(0); });
    }
    label.data<std::int32_t>()[2] = 3;
    for (const double bad : {-0.1, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
      expect_refused("softmax_cross_entropy", "label smoothing", [&] { call(bad); });
    }
    logits.data<float>()[5] = std::numeric_limits<float>::quiet_NaN();
    call(0);
    const auto out = losses.span<double>();
    if (!(out[0] == out[0]) || out[1] == out[1]) {
      throw std::runtime_error("a NaN among the logits does not make (only) its loss NaN");
    }
  };
  cases.push_back(std::move(of));
}

}  // namespace

void loss_cases(Cases& cases) {
  add(cases, 1, 1, 0, 1, 1);
  add(cases, 5, 10, 0, 0.2, 1);
  add(cases, 128, 10, 0, 1.0 / 128, 3);
  add(cases, 37, 100, 0.1, 1.0 / 37, 3);
  add(cases, 4, 7, 1, 1, 1);
  add(cases, 16, 10, 0.1, 1, 300);
  add(cases, 16, 10, 0, 1, 300, false);
  add_mixed(cases, 19, 10, 0);
  add_mixed(cases, 33, 7, 0.1);
  add_labels(cases);
  add(cases, 128, 1000, 0.1, 1.0 / 128, 3, true, true);
}

}  // namespace rn::test
