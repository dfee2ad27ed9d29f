// What a training would be, before it is: --dry-run. And what can be trained: --list-archs.
#pragma once

#include <string>

#include "train/session.h"

namespace rn::train {

struct Plan {
  std::string arch, data, output, checkpoint, log;
  std::string item = "images";  // what is trained on, as counted below
  std::int64_t parameters = 0, blocks = 0;
  std::int64_t train_images = 0, val_images = 0, test_images = 0;
  std::int64_t batch = 0, steps_per_epoch = 0, steps = 0, from_step = 0;
  double epochs = 0;
  double lr_first = 0, lr_highest = 0, lr_last = 0;
  std::int64_t memory = 0;  // bytes of tensors at the peak, about
  double step_seconds = 0;  // measured on a few images
  double seconds = 0;       // of all that is left, evaluations included, about
  bool complete_already = false;

  std::string text() const;  // for people, several lines
  std::string json() const;  // one line
};

// What is known of a training before any step: all but blocks, parameters, memory and seconds.
Plan plan_of(const Session& session);
// Bytes of tensors at the peak so far, activations `scale` times as many.
std::int64_t scaled_peak(double scale);
// The time of it all from that of a step and of an image (or clip) in evaluation.
void set_seconds(Plan& plan, const Session& session, double image_seconds);

// Checks what train() checks; writes nothing, and measures a step on a few images. An empty output
// is allowed. Errors: as prepare().
Plan make_plan(TrainOptions options);

// Tab-separated: name, parameters, blocks, what it is; a heading first.
std::string arch_table();

}  // namespace rn::train
