#include "data/ten_crop.h"

#include <algorithm>

namespace rn::data {

TenCrop::TenCrop(const Source& source) : source_(source) {
  info_ = source.info();
  if (!(source.crop_share() < 1)) {
    fail(ErrorKind::usage,
         "--ten-crop: the images of {} are as large as what is cut out of them; image folders are "
         "larger (?size=224&resize=256)",
         info_.uri);
  }
  info_.count *= ten_views;
}

std::int32_t TenCrop::read(std::int64_t index, std::span<std::uint8_t> image) const {
  const std::int64_t view = index % ten_views, place = view % 5;
  const double share = source_.crop_share();
  const std::int32_t label = source_.read_window(
      index / ten_views,
      [&](std::int64_t height, std::int64_t width) {
        const auto h = static_cast<double>(height), w = static_cast<double>(width);
        const double side = share * std::min(h, w);
        const double down = h - side, right = w - side;
        if (place == 4) return Window{down / 2, right / 2, side, side};
        return Window{place / 2 == 0 ? 0 : down, place % 2 == 0 ? 0 : right, side, side};
      },
      image);
  if (view >= 5) {
    const std::int64_t channels = info_.channels;
    for (std::int64_t y = 0; y < info_.height; ++y) {
      std::uint8_t* row = image.data() + y * info_.width * channels;
      for (std::int64_t x = 0; x < info_.width / 2; ++x) {
        std::swap_ranges(row + x * channels, row + (x + 1) * channels,
                         row + (info_.width - 1 - x) * channels);
      }
    }
  }
  return label;
}

}  // namespace rn::data
