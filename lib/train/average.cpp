#include "train/average.h"

#include <algorithm>

#include "ops/pointwise.h"

namespace rn::train {

double average_decay(double decay, std::int64_t n) {
  const auto count = static_cast<double>(n);
  return std::min(decay, (1 + count) / (10 + count));
}

Average::Average(nn::Store& store) {
  for (const auto& p : store.parameters()) {
    parameters_.push_back({p->name, p->value, p->value.clone()});
  }
  for (const auto& s : store.states()) {
    states_.push_back({s->name, s->value, s->value.clone()});
  }
}

void Average::copy() {
  for (const auto* pairs : {&parameters_, &states_}) {
    for (const Pair& pair : *pairs) pair.average.copy_from(pair.trained);
  }
}

void Average::update(double decay) {
  for (const auto* pairs : {&parameters_, &states_}) {
    for (const Pair& pair : *pairs) {
      ops::axpby(1 - decay, pair.trained, decay, pair.average,
                 default_stream(pair.trained.device()));
    }
  }
}

void Average::exchange() {
  for (const auto* pairs : {&parameters_, &states_}) {
    for (const Pair& pair : *pairs) {
      if (!pair.trained.device().is_cpu()) {
        const Tensor trained = pair.trained.clone();
        pair.trained.copy_from(pair.average);
        pair.average.copy_from(trained);
        continue;
      }
      with_float(pair.trained.dtype(), "average", [&]<class T>() {
        std::ranges::swap_ranges(pair.trained.span<T>(), pair.average.span<T>());
      });
    }
  }
}

NamedTensors Average::parameters() const {
  NamedTensors named;
  for (const Pair& pair : parameters_) named[pair.name] = pair.average;
  return named;
}

NamedTensors Average::states() const {
  NamedTensors named;
  for (const Pair& pair : states_) named[pair.name] = pair.average;
  return named;
}

void Average::load(const NamedTensors& parameters, const NamedTensors& states) {
  const auto fill = [](const std::vector<Pair>& pairs, const NamedTensors& from) {
    for (const Pair& pair : pairs) {
      const auto found = from.find(pair.name);
      if (found == from.end() || found->second.shape() != pair.average.shape() ||
          found->second.dtype() != pair.average.dtype()) {
        fail(ErrorKind::input, "the averaged {} is missing or of another shape", pair.name);
      }
      pair.average.copy_from(found->second);
    }
  };
  fill(parameters_, parameters);
  fill(states_, states);
}

}  // namespace rn::train
