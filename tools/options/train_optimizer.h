// Options of resnet-train about the optimizer, and what is done to gradients and weights.
#pragma once

#include <optional>
#include <string>

#include "cli/run_tool.h"
#include "options/checks.h"
#include "train/options.h"

namespace rn::tools {

struct OptimizerTool {
  std::string kind = "sgd", on_nan = "stop", memory_limit;
  std::string ema_every = "1i", ema_start = "0e";
};

template <class T>
inline void bind_optimizer(CLI::App& app, T& o) {
  train::TrainOptions& t = o.train;
  train::OptimizerOptions& to = t.optimizer;
  using cli::real;
  using cli::whole;
  app.add_option("--optimizer", o.optimizer.kind, "sgd, adam or adamw (decay beside the step)")
      ->type_name("KIND")
      ->check(checked(train::parse_optimizer));
  app.add_option("--beta1", to.beta1, "Adam: weight of the past in the mean of gradients")
      ->type_name("FLOAT")
      ->check(real(0, 0.9999999));
  app.add_option("--beta2", to.beta2, "Adam: weight of the past in the mean of their squares")
      ->type_name("FLOAT")
      ->check(real(0, 0.9999999));
  app.add_option("--adam-eps", to.eps, "Adam: what is added to the root of that mean")
      ->type_name("FLOAT")
      ->check(real(1e-30, 1));
  app.add_option("--norm-decay", to.norm_decay, "Weight decay of norms, if it is another")
      ->type_name("FLOAT")
      ->check(real(0));
  app.add_option("--bias-decay", to.bias_decay, "Weight decay of biases, if it is another")
      ->type_name("FLOAT")
      ->check(real(0));
  app.add_option("--norm-lr", to.norm_lr, "Factor of the rate for norms")
      ->type_name("FLOAT")
      ->check(real(0));
  app.add_option("--bias-lr", to.bias_lr, "Factor of the rate for biases")
      ->type_name("FLOAT")
      ->check(real(0));
  app.add_option("--head-lr", to.head_lr, "Factor of the rate for the last layer")
      ->type_name("FLOAT")
      ->check(real(0));
  app.add_option("--lr-batch", t.lr_batch,
                 "--lr is for batches of N images: it is scaled by --batch / N; 0: not")
      ->type_name("INT")
      ->check(whole(0, 1 << 24));
  app.add_option("--clip-norm", to.clip_norm,
                 "Shorten all gradients together to at most this norm; 0: not")
      ->type_name("FLOAT")
      ->check(real(0));
  app.add_option("--clip-value", to.clip_value,
                 "Cut each number of a gradient to at most this magnitude; 0: not")
      ->type_name("FLOAT")
      ->check(real(0));
  app.add_option("--micro-batch", t.step.micro_batch,
                 "Compute a batch in parts of N images, and add their gradients; 0: at once")
      ->type_name("INT")
      ->check(whole(0));
  app.add_option("--memory-limit", o.optimizer.memory_limit,
                 "The same, in the largest parts whose tensors fit into 500M, 4G, ...")
      ->type_name("BYTES")
      ->check(checked(cli::parse_bytes));
  app.add_option("--ema", t.average.decay,
                 "Evaluate and write a moving average of the weights with this decay; 0: not")
      ->type_name("FLOAT")
      ->check(real(0, 0.9999999));
  app.add_option("--ema-every", o.optimizer.ema_every, "Average so often")
      ->type_name("LENGTH")
      ->transform(length(train::Length::Unit::steps));
  app.add_option("--ema-start", o.optimizer.ema_start, "Average from here on; before, copy")
      ->type_name("LENGTH")
      ->transform(length(train::Length::Unit::epochs));
  app.add_option("--label-smoothing", t.step.label_smoothing,
                 "Share of the target that is spread over all classes")
      ->type_name("FLOAT")
      ->check(real(0, 1));
  app.add_option("--dropout", t.step.dropout, "Leave out features before the last layer")
      ->type_name("FLOAT")
      ->check(real(0, 0.999));
  app.add_option("--bn-momentum", t.bn_momentum,
                 "Batch norms: weight of the new batch in the running statistics (PyTorch's "
                 "convention; Keras' 0.99 is 0.01 here)")
      ->type_name("FLOAT")
      ->check(real(1e-9, 1));
  app.add_option("--bn-eps", t.bn_eps, "Batch norms: what is added to the variance")
      ->type_name("FLOAT")
      ->check(real(1e-12, 0.5));
  app.add_option("--on-nan", o.optimizer.on_nan,
                 "A step that is not finite: stop, or skip it (10 in a row end the training)")
      ->type_name("WHAT")
      ->check(checked(train::parse_on_nan));
  app.add_option("--patience", t.patience,
                 "Stop after N evaluations without a lower error; 0: train to the end")
      ->type_name("INT")
      ->check(whole(0));
}

template <class T>
inline void bind_keeping(CLI::App& app, T& o) {
  cli::not_recipe(app.add_flag("--keep-best", o.train.keep_best,
                               "Keep the checkpoint of the lowest error, as OUTPUT.best"));
  cli::not_recipe(app.add_option("--keep-last", o.train.keep_last,
                                 "Keep those of the last N epochs, as OUTPUT.epochN"))
      ->type_name("INT")
      ->check(cli::whole(0, 100000));
}

inline void apply_optimizer(const OptimizerTool& o, train::TrainOptions& t) {
  using namespace train;
  t.optimizer.kind = parse_optimizer(o.kind);
  t.on_nan = parse_on_nan(o.on_nan);
  if (!o.memory_limit.empty()) t.memory_limit = cli::parse_bytes(o.memory_limit);
  t.average.every = parse_length(o.ema_every, Length::Unit::steps);
  t.average.start = parse_length(o.ema_start);
}

}  // namespace rn::tools
