#include "data/augment.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace rn::data {

Crop draw_crop(const Augment& augment, std::uint64_t seed, std::int64_t epoch, std::int64_t index) {
  Crop crop;
  if (augment.pad == 0 && !augment.flip) return crop;
  Rng rng(seed, RngPurpose::augment, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(index));
  if (augment.pad > 0) {
    const auto choices = static_cast<std::uint32_t>(2 * augment.pad + 1);
    crop.dy = static_cast<int>(rng.below(choices)) - augment.pad;
    crop.dx = static_cast<int>(rng.below(choices)) - augment.pad;
  }
  if (augment.flip) crop.flip = rng.coin();
  return crop;
}

Window draw_window(const Augment& augment, std::uint64_t seed, std::int64_t epoch,
                   std::int64_t index, std::int64_t height, std::int64_t width) {
  Rng rng(seed, RngPurpose::window, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(index));
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  const double low = std::log(augment.ratio_low), high = std::log(augment.ratio_high);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = h * w * rng.uniform(augment.area_low, augment.area_high);
    const double ratio = std::exp(rng.uniform(low, high));
    const std::int64_t tall = std::llround(std::sqrt(area / ratio)),
                       wide_ = std::llround(std::sqrt(area * ratio));
    if (tall < 1 || wide_ < 1 || tall > height || wide_ > width) continue;
    const auto y = rng.below(static_cast<std::uint32_t>(height - tall + 1)),
               x = rng.below(static_cast<std::uint32_t>(width - wide_ + 1));
    return {static_cast<double>(y), static_cast<double>(x), static_cast<double>(tall),
            static_cast<double>(wide_)};
  }
  double tall = h, wide_ = w;
  if (w / h < augment.ratio_low) tall = std::round(w / augment.ratio_low);
  if (w / h > augment.ratio_high) wide_ = std::round(h * augment.ratio_high);
  return {std::floor((h - tall) / 2), std::floor((w - wide_) / 2), tall, wide_};
}

std::array<Box, 2> draw_erased(const Augment& augment, std::uint64_t seed, std::int64_t epoch,
                               std::int64_t index, std::int64_t height, std::int64_t width) {
  std::array<Box, 2> boxes{};
  if (augment.cutout == 0 && augment.erase == 0) return boxes;
  Rng rng(seed, RngPurpose::erase, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(index));
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(n)));
  };
  if (augment.cutout > 0) {
    // The square's middle is anywhere, so that it may stand out of the image.
    const std::int64_t top = below(height) - augment.cutout / 2,
                       left = below(width) - augment.cutout / 2;
    boxes[0] = {std::max<std::int64_t>(top, 0), std::min(top + augment.cutout, height),
                std::max<std::int64_t>(left, 0), std::min(left + augment.cutout, width)};
  }
  if (augment.erase == 0 || rng.uniform() >= augment.erase) return boxes;
  const double low = std::log(0.3), high = std::log(3.3);  // of the aspect ratio, as torchvision
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = static_cast<double>(height * width) * rng.uniform(0.02, 0.33);
    const double ratio = std::exp(rng.uniform(low, high));
    const std::int64_t tall = std::llround(std::sqrt(area * ratio)),
                       wide_ = std::llround(std::sqrt(area / ratio));
    if (tall < 1 || wide_ < 1 || tall >= height || wide_ >= width) continue;
    const std::int64_t top = below(height - tall + 1), left = below(width - wide_ + 1);
    boxes[1] = {top, top + tall, left, left + wide_};
    break;
  }
  return boxes;
}

Draw draw_all(const Augment& augment, std::uint64_t seed, std::int64_t epoch, std::int64_t index,
              std::int64_t height, std::int64_t width) {
  Draw draw{.crop = draw_crop(augment, seed, epoch, index), .seed = seed, .epoch = epoch};
  if (augment.colours()) draw.colour = draw_colour(augment, seed, epoch, index);
  draw.erased = draw_erased(augment, seed, epoch, index, height, width);
  return draw;
}

Transform::Transform(const Info& info, const Normalization& normalization, const Augment& augment,
                     Dtype dtype)
    : height_(info.height),
      width_(info.width),
      channels_(info.channels),
      augment_(augment),
      normalization_(normalization),
      reversed_(normalization.reversed),
      bytes_(static_cast<std::size_t>(height_ * width_ * channels_)) {
  const auto channels = static_cast<std::size_t>(channels_);
  const Tensor& mean_image = normalization.mean_image;
  require(normalization.stddev.size() == channels && normalization.mean.size() == channels,
          "Batcher: a normalisation of {} channels for images of {}", normalization.stddev.size(),
          channels);
  require(!mean_image || mean_image.shape() == Shape({height_, width_, channels_}),
          "Batcher: a mean image {} for images of {}x{}x{}", mean_image.describe(), height_, width_,
          channels_);
  require(augment.pad >= 0 && augment.pad <= std::min(height_, width_),
          "Batcher: padding {} for images of {}x{}", augment.pad, height_, width_);
  require(!augment.colours() || channels_ == 3, "Batcher: colour jitter of {} channels", channels_);
  points_ = info.points;
  if (points_) {
    require(!mean_image && augment.pad == 0 && !augment.flip,
            "Batcher: points are neither padded nor mirrored, and have no mean image");
    mean_ = normalization.mean;
    stddev_ = normalization.stddev;
    point_.resize(channels);
    return;
  }
  table_ = Tensor({channels_, 256}, wide(dtype), Tag::input);
  if (mean_image) offset_ = Tensor(mean_image.shape(), wide(dtype), Tag::input);
  with_float(wide(dtype), "Batcher", [&]<class T>() {
    for (std::size_t c = 0; c < channels; ++c) {
      const double mean = mean_image ? 0.0 : normalization.mean[c];
      for (int k = 0; k < 256; ++k) {
        const double y = (k / 255.0 - mean) / normalization.stddev[c];
        table_.data<T>()[c * 256 + static_cast<std::size_t>(k)] = static_cast<T>(y);
      }
    }
    for (std::size_t i = 0; mean_image && i < bytes_.size(); ++i) {
      offset_.data<T>()[i] =
          static_cast<T>(mean_image.data<float>()[i] / normalization.stddev[i % channels]);
    }
  });
}

std::int32_t Transform::read(const Source& source, std::int64_t index, const Draw& draw,
                             const Tensor& images, std::int64_t row) const {
  if (points_) {
    const std::int32_t label = source.read_point(index, point_);
    if (reversed_) std::reverse(point_.begin(), point_.end());
    with_activation(images.dtype(), "Batcher", [&]<class T>() {
      T* out = static_cast<T*>(images.raw()) + row * channels_;
      for (std::size_t c = 0; c < point_.size(); ++c) {
        out[c] = T(static_cast<Wide<T>>((point_[c] - mean_[c]) / stddev_[c]));
      }
    });
    return label;
  }
  std::int32_t label = 0;
  if (augment_.area_low > 0 && draw.epoch >= 0) {
    label = source.read_window(
        index,
        [&](std::int64_t height, std::int64_t width) {
          return draw_window(augment_, draw.seed, draw.epoch, index, height, width);
        },
        bytes_);
  } else {
    label = source.read(index, bytes_);
  }
  if (draw.colour) {
    colours_.resize(bytes_.size());
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      colours_[i] = static_cast<float>(bytes_[i]) / 255.0f;
    }
    apply_colour(*draw.colour, colours_);
  }
  with_activation(images.dtype(), "Batcher", [&]<class T>() {
    T* out = images.data<T>() + row * static_cast<std::int64_t>(bytes_.size());
    // Inner loops of a length known to the compiler are several times as fast.
    switch (channels_) {
      case 1: fill<T, 1>(draw, out); break;
      case 3: fill<T, 3>(draw, out); break;
      default: fill<T, 0>(draw, out);
    }
    for (std::int64_t p = 0; reversed_ && p < height_ * width_; ++p) {
      std::reverse(out + p * channels_, out + (p + 1) * channels_);
    }
    for (const Box& box : draw.erased) {
      for (std::int64_t y = box.top; y < box.bottom; ++y) {
        std::fill_n(out + (y * width_ + box.left) * channels_, (box.right - box.left) * channels_,
                    T());
      }
    }
  });
  return label;
}

template <class T, int fixed>
void Transform::fill(const Draw& draw, T* out) const {
  using W = Wide<T>;
  const W* offset = offset_ ? offset_.data<W>() : nullptr;
  if (draw.colour) {
    // Not one of 256 values: the formula itself.
    const float* in = colours_.data();
    place<T, fixed>(
        draw.crop,
        [&](std::int64_t at, std::int64_t c) {
          const auto channel = static_cast<std::size_t>(c);
          const W mean = offset ? W(0) : static_cast<W>(normalization_.mean[channel]);
          const W value =
              (static_cast<W>(in[at]) - mean) / static_cast<W>(normalization_.stddev[channel]);
          return offset ? value - offset[at] : value;
        },
        out);
    return;
  }
  const W* table = table_.data<W>();
  const std::uint8_t* in = bytes_.data();
  if (offset) {
    place<T, fixed>(
        draw.crop,
        [=](std::int64_t at, std::int64_t c) { return table[c * 256 + in[at]] - offset[at]; }, out);
  } else {
    place<T, fixed>(
        draw.crop, [=](std::int64_t at, std::int64_t c) { return table[c * 256 + in[at]]; }, out);
  }
}

// out := the crop of the image whose channel c at place `at` is value(at, c), zeros around it.
template <class T, int fixed, class Value>
void Transform::place(const Crop& crop, Value value, T* out) const {
  const std::int64_t c_end = fixed > 0 ? fixed : channels_, row = width_ * channels_;
  // Columns [first, last) of the output show the image; the others are padding.
  const std::int64_t first = std::max<std::int64_t>(0, -crop.dx);
  const std::int64_t last = std::min<std::int64_t>(width_, width_ - crop.dx);
  for (std::int64_t y = 0; y < height_; ++y, out += row) {
    const std::int64_t from_y = y + crop.dy;
    if (from_y < 0 || from_y >= height_) {
      std::fill_n(out, row, T());
      continue;
    }
    // A mirrored row is written from its right end.
    std::fill_n(crop.flip ? out + row - first * c_end : out, first * c_end, T());
    std::fill_n(crop.flip ? out : out + last * c_end, (width_ - last) * c_end, T());
    std::int64_t at = from_y * row + (first + crop.dx) * c_end;
    T* to = crop.flip ? out + (width_ - 1 - first) * c_end : out + first * c_end;
    const std::int64_t step = crop.flip ? -c_end : c_end;
    for (std::int64_t x = first; x < last; ++x, to += step, at += c_end) {
      for (std::int64_t c = 0; c < c_end; ++c) to[c] = T(value(at + c, c));
    }
  }
}

}  // namespace rn::data
