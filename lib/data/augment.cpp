#include "data/augment.h"

#include <algorithm>

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

Transform::Transform(const Info& info, const Normalization& normalization, const Augment& augment,
                     Dtype dtype)
    : height_(info.height),
      width_(info.width),
      channels_(info.channels),
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

std::int32_t Transform::read(const Source& source, std::int64_t index, Crop crop,
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
  const std::int32_t label = source.read(index, bytes_);
  with_activation(images.dtype(), "Batcher", [&]<class T>() {
    T* out = images.data<T>() + row * static_cast<std::int64_t>(bytes_.size());
    // Inner loops of a length known to the compiler are several times as fast.
    switch (channels_) {
      case 1: apply<T, 1>(crop, out); break;
      case 3: apply<T, 3>(crop, out); break;
      default: apply<T, 0>(crop, out);
    }
    for (std::int64_t p = 0; reversed_ && p < height_ * width_; ++p) {
      std::reverse(out + p * channels_, out + (p + 1) * channels_);
    }
  });
  return label;
}

template <class T, int fixed>
void Transform::apply(Crop crop, T* out) const {
  using W = Wide<T>;
  const W* table = table_.data<W>();
  const W* offset = offset_ ? offset_.data<W>() : nullptr;
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
    const std::int64_t from = from_y * row + (first + crop.dx) * c_end;
    const std::uint8_t* in = bytes_.data() + from;
    const W* minus = offset ? offset + from : nullptr;
    T* to = crop.flip ? out + (width_ - 1 - first) * c_end : out + first * c_end;
    const std::int64_t step = crop.flip ? -c_end : c_end;
    for (std::int64_t x = first; x < last; ++x, to += step, in += c_end) {
      for (std::int64_t c = 0; c < c_end; ++c) {
        const W value = table[c * 256 + in[c]];
        to[c] = T(minus ? value - minus[c] : value);
      }
      if (minus) minus += c_end;
    }
  }
}

}  // namespace rn::data
