// What a run trains, as far as the trainer knows it: parameters, steps, evaluations and a file. Of
// image networks here; networks of other inputs bring their own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/evaluate.h"
#include "train/model_file.h"
#include "train/step.h"

namespace rn::train {

struct Session;

class Trainee {
 public:
  virtual ~Trainee() = default;
  // What samples are called where their rate is told: "img" of "img/s".
  virtual std::string item() const { return "img"; }
  virtual nn::Store& store() = 0;
  const nn::Store& store() const { return const_cast<Trainee*>(this)->store(); }
  // Batches are those from this position on; called once, before the first step.
  virtual void begin(std::int64_t epoch, std::int64_t step_in_epoch) = 0;
  // Waits for the next batch, and takes its step.
  virtual StepResult step(double lr, const StepAt& at) = 0;
  // Of the samples set aside, or of those to test on. `how` says everything but which.
  virtual Evaluation measure(bool validation, const EvaluateOptions& how) = 0;
  virtual io::Bytes save(const ModelFile& file, bool volatile_provenance) const = 0;
  // Options that would take less memory, for an error's message.
  virtual std::vector<std::string> smaller() const = 0;
};

// Of the session's network and data. The session must outlive it and stay where it is.
std::unique_ptr<Trainee> image_trainee(Session& session);

}  // namespace rn::train
