// A training that takes a second: what the trainer's tests vary.
#pragma once

#include "support/files.h"
#include "train/trainer.h"

namespace rn::test {

// 5 steps an epoch, the last of 4 images, for 2 epochs; evaluated at the end of each.
inline train::TrainOptions tiny(const TempDir& folder, const std::string& name = "m.h5") {
  train::TrainOptions o;
  o.arch = "resnet8-cifar";
  o.width = 4;
  o.limit_train = 48;
  o.limit_test = 16;
  o.val = 12;
  o.augment = {.pad = 4, .flip = true};
  o.batch = 8;
  o.length = {2, train::Length::Unit::epochs};
  o.schedule.lr = 0.1;
  o.schedule.warmup = {2, train::Length::Unit::steps};
  o.optimizer.nesterov = true;
  o.log_every = {2, train::Length::Unit::steps};
  o.output = folder / name;
  o.volatile_provenance = false;
  o.recipe = "lr = 0.1\nbatch = 8\n";
  return o;
}

// Asks to stop when polled for the n-th time.
inline std::function<std::string()> stop_at(int n) {
  return [n, polls = 0]() mutable { return ++polls >= n ? std::string("a test") : std::string(); };
}

}  // namespace rn::test
