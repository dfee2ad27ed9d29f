#include "study/recalibrate.h"

#include <numeric>

#include "data/batcher.h"

namespace rn::study {

void apply(models::Network& network, const Lesion& lesion) {
  network.reset_gates();
  std::vector<std::int64_t> order;
  for (const Place& place : lesion.places) {
    order.push_back(place.block);
    network.block(place.block).gates.forward = {place.branch, place.shortcut};
  }
  network.set_order(order);
}

void recalibrate(models::Network& network, const data::Source& source,
                 const data::Normalization& normalization, std::int64_t images,
                 std::int64_t batch) {
  data::BatcherOptions options;
  options.indices.resize(static_cast<std::size_t>(std::min(images, source.info().count)));
  std::iota(options.indices.begin(), options.indices.end(), std::int64_t{0});
  options.batch = batch;
  options.normalization = normalization;
  options.dtype = network.dtype();
  options.epochs = 1;
  data::Batcher batcher(source, std::move(options));
  TensorPool pool(network.store().device());
  models::Saved saved;
  const nn::Pass pass{.pool = pool, .batch_statistics = true};
  int batches = 0;
  while (const data::Batch* next = batcher.next()) {
    network.forward(next->images, pass, saved);
    network.commit(saved, 1.0 / ++batches);
  }
}

std::vector<Tensor> statistics_of(const models::Network& network) {
  std::vector<Tensor> values;
  for (const auto& state : network.store().states()) values.push_back(state->value.clone());
  return values;
}

void restore(models::Network& network, const std::vector<Tensor>& statistics) {
  const auto& states = network.store().states();
  for (std::size_t i = 0; i < states.size(); ++i) states[i]->value.copy_from(statistics[i]);
}

}  // namespace rn::study
