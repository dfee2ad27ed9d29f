#include "data/montage.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/batcher.h"

namespace rn::data {

io::Picture montage(const Source& source, const MontageOptions& options) {
  const Info& info = source.info();
  std::vector<std::int64_t> all(static_cast<std::size_t>(info.count));
  std::iota(all.begin(), all.end(), 0);
  const Normalization normalization =
      measure_normalization(source, all, NormalizationKind::channel);
  Batcher batcher(source, {.indices = all,
                           .batch = options.rows * options.columns,
                           .shuffle = true,
                           .augment = options.augment,
                           .normalization = normalization,
                           .seed = options.seed,
                           .epochs = 1,
                           .ahead = 1});
  const Batch& batch = *batcher.next();
  constexpr std::int64_t gap = 2;
  const std::int64_t tall = info.height + gap, broad = info.width + gap;
  io::Picture picture{options.rows * tall + gap, options.columns * broad + gap, {}};
  picture.rgb.assign(static_cast<std::size_t>(3 * picture.height * picture.width), 255);
  const float* value = batch.images.data<float>();
  for (std::int64_t n = 0; n < batch.images.dim(0); ++n) {
    const std::int64_t top = gap + n / options.columns * tall,
                       left = gap + n % options.columns * broad;
    for (std::int64_t y = 0; y < info.height; ++y) {
      std::uint8_t* out = picture.rgb.data() + 3 * ((top + y) * picture.width + left);
      for (std::int64_t x = 0; x < info.width; ++x, value += info.channels) {
        for (std::int64_t c = 0; c < 3; ++c) {
          const auto from = static_cast<std::size_t>(info.channels == 3 ? c : 0);
          const double level = value[from] * normalization.stddev[from] + normalization.mean[from];
          *out++ = static_cast<std::uint8_t>(std::clamp(std::lround(255 * level), 0L, 255L));
        }
      }
    }
  }
  return picture;
}

}  // namespace rn::data
