// An exponential moving average of parameters and running statistics (Polyak and Juditsky 1992, in
// the form that torchvision's and timm's trainers use): what is evaluated and written in place of
// the trained weights.
#pragma once

#include <vector>

#include "models/network.h"
#include "train/model_file.h"
#include "train/schedule.h"

namespace rn::train {

struct AverageOptions {
  double decay = 0;  // weight of the past; 0: no average
  Length every = {1, Length::Unit::steps};
  Length start = {0, Length::Unit::epochs};  // until then the average is what is trained
};

// The decay of the average number n, from 0: min(decay, (1 + n) / (10 + n)), so that a young
// average forgets where it began.
double average_decay(double decay, std::int64_t n);

class Average {
 public:
  // Begins as a copy of what is trained, which must outlive it.
  explicit Average(nn::Store& store);

  void copy();                // average := what is trained
  void update(double decay);  // average := decay * average + (1 - decay) * trained
  // Exchanges the two: the network computes with the average until they are exchanged again.
  void exchange();

  // What the network does not hold at the moment, by name; memory is shared.
  NamedTensors parameters() const;
  NamedTensors states() const;
  // Copies these in. Errors (input): one is missing or of another shape.
  void load(const NamedTensors& parameters, const NamedTensors& states);

 private:
  struct Pair {
    std::string name;
    Tensor trained, average;
  };
  std::vector<Pair> parameters_, states_;
};

// Holds the two exchanged; nothing happens without an average.
class Exchanged {
 public:
  explicit Exchanged(Average* average) : average_(average) {
    if (average_) average_->exchange();
  }
  Exchanged(const Exchanged&) = delete;
  Exchanged& operator=(const Exchanged&) = delete;
  ~Exchanged() {
    if (average_) average_->exchange();
  }

 private:
  Average* average_;
};

}  // namespace rn::train
