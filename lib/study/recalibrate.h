// Running statistics estimated again, for a network that a lesion has changed.
#pragma once

#include "data/source.h"
#include "models/network.h"
#include "study/lesion.h"

namespace rn::study {

// Sets gates and order of the network as the lesion has them. Errors: usage, for places that do not
// fit.
void apply(models::Network& network, const Lesion& lesion);

// Running means and variances become the averages over batches of `batch` of the first `images`
// images of `source`, forward with the batch's statistics through the network as its gates are.
void recalibrate(models::Network& network, const data::Source& source,
                 const data::Normalization& normalization, std::int64_t images,
                 std::int64_t batch = 250);

// The values of all running statistics, to be put back.
std::vector<Tensor> statistics_of(const models::Network& network);
void restore(models::Network& network, const std::vector<Tensor>& statistics);

}  // namespace rn::study
