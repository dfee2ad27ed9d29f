// A two-stream network in training: its batches, steps, evaluations and file.
#pragma once

#include <memory>
#include <string>

#include "train/trainee.h"
#include "video/chunk_batcher.h"
#include "video/twostream.h"

namespace rn::video {

class ClipTrainee : public train::Trainee {
 public:
  // Everything must outlive it but what it is given to keep. test may be null.
  ClipTrainee(train::Session& session, const TwoStreamTrain& options,
              std::unique_ptr<models::StNetwork> network, std::unique_ptr<ClipStore> train,
              std::unique_ptr<ClipStore> test, ChunkNormalization normalization);
  ~ClipTrainee() override;

  std::string item() const override { return "clips"; }
  nn::Store& store() override { return network_->store(); }
  models::StNetwork& network() { return *network_; }
  void begin(std::int64_t epoch, std::int64_t step_in_epoch) override;
  train::StepResult step(double lr, const train::StepAt& at) override;
  train::Evaluation measure(bool validation, const train::EvaluateOptions& how) override;
  io::Bytes save(const train::ModelFile& file, bool volatile_provenance) const override;
  std::vector<std::string> smaller() const override { return {}; }

 private:
  std::string part(const ChunkBatch& batch, std::int64_t first, std::int64_t count,
                   const train::StepAt& at, train::StepResult& result);

  train::Session& s_;
  const TwoStreamTrain& options_;
  std::unique_ptr<models::StNetwork> network_;
  std::unique_ptr<ClipStore> train_, test_;
  ChunkNormalization normalization_;
  std::unique_ptr<ChunkReader> train_reader_, test_reader_;
  TensorPool pool_, eval_pool_;
  models::StSaved saved_;
  std::vector<Tensor> states_before_;
  // Of the batcher's thread only: the order of an epoch.
  std::vector<std::int64_t> order_;
  std::int64_t ordered_ = -1;
  std::unique_ptr<ChunkBatcher> batcher_;
};

}  // namespace rn::video
