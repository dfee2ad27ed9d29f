// A picture of training samples, as the trainer sees them.
#pragma once

#include "data/augmentation.h"
#include "data/source.h"
#include "io/picture.h"

namespace rn::data {

struct MontageOptions {
  Augment augment = {};
  std::uint64_t seed = 1;
  std::int64_t rows = 8, columns = 12;
};

// The first batch of the first epoch of a training with these options, normalised by channel, and
// brought back to colours; what padding and erasing blank is the mean colour. Errors: as Batcher.
io::Picture montage(const Source& source, const MontageOptions& options);

}  // namespace rn::data
