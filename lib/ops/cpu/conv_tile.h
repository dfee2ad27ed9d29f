// How the fused convolution walks over a batch, in both directions (conv.cpp, conv_backward.cpp).
// The batch is cut into lanes; a lane works through its images in tiles small enough that the
// transformed input, the primitive's output and the sums over it stay in the L2 cache: each
// activation travels to and from memory once.
//
// T is the type of activations in memory, A that of a tile in the primitive: bf16 is multiplied as
// bf16 where the processor does that fast, else widened on its way into the tile.
#pragma once

#include <algorithm>
#include <type_traits>

#include "base/parallel.h"
#include "ops/backend.h"
#include "ops/conv.h"
#include "ops/cpu/conv_kernel.h"
#include "ops/cpu/rows.h"
#include "ops/cpu/scratch.h"

namespace rn::ops::cpu {

inline ConvGeometry geometry_of(const Conv2d& conv, const Shape& x, const Shape& weights) {
  const Shape y = conv_output_shape(conv, x, weights);
  return {x[1],       x[2],       x[3],          y[1],          y[2],       y[3],
          weights[1], weights[2], conv.stride_h, conv.stride_w, conv.pad_h, conv.pad_w};
}

// What a convolution goes through: images, or rows of them, a tile at a time.
struct ConvTiles {
  ConvGeometry g;           // of one
  std::int64_t images = 0;  // of these, in the whole batch
  int tile = 1;             // the most at a time

  // `element`: bytes of a number in a tile.
  ConvTiles(const Conv2d& conv, const Shape& x, const Shape& weights, std::size_t element)
      : g(geometry_of(conv, x, weights)), images(x[0] * cut_rows(conv, element)) {
    const std::int64_t lane = (images + lanes() - 1) / lanes();
    tile = static_cast<int>(
        std::clamp<std::int64_t>(tile_bytes / std::max<std::int64_t>(bytes(element), 1), 1,
                                 std::clamp<std::int64_t>(lane, 1, 16)));
  }

  // body(first image, number of images) for the tiles of one lane.
  template <class F>
  void of_lane(int lane, F body) const {
    const Range range = lane_range(images, lanes(), lane);
    for (std::int64_t n = range.begin; n < range.end; n += tile) {
      body(n, static_cast<int>(std::min<std::int64_t>(tile, range.end - n)));
    }
  }

 private:
  static constexpr std::int64_t tile_bytes = 512 << 10;  // of the larger of input and output

  std::int64_t bytes(std::size_t element) const {
    return std::max(g.input_size(), g.output_size()) * static_cast<std::int64_t>(element);
  }
  // A 1x1 convolution does not care where an image ends: rows of large ones are images of their
  // own. Returns how many of an image.
  std::int64_t cut_rows(const Conv2d& conv, std::size_t element) {
    const bool pointwise = g.kh == 1 && g.kw == 1 && conv.stride_h == 1 && conv.stride_w == 1 &&
                           conv.pad_h == 0 && conv.pad_w == 0 && g.h == g.p && g.w == g.q;
    if (!pointwise) return 1;
    std::int64_t parts = 1;
    while (parts < g.h && (g.h % parts != 0 || bytes(element) / parts > tile_bytes)) ++parts;
    g.h /= parts;
    g.p /= parts;
    return parts;
  }
};

// The weights as the primitive wants them; bf16 ones are rounded, however they are multiplied.
template <class T, class A>
const A* packed_weights(const ConvKernel<A>& kernel, const Wide<T>* ohwi, std::int64_t size) {
  using W = Wide<T>;
  if constexpr (!std::is_same_v<T, W> && std::is_same_v<A, W>) {
    W* rounded = scratch<W>(Slot::update, size);
    for (std::int64_t k = 0; k < size; ++k) rounded[k] = T(ohwi[k]);
    ohwi = rounded;
  }
  A* packed = scratch<A>(Slot::weights, kernel.packed_size());
  kernel.pack(ohwi, packed);
  return packed;
}

// What an operand or a gradient is at a tile, as A: x1 or g itself if it is `plain`, what is
// stored, or this thread's own copy in `slot`. It is written to `stored` unless that is null.
template <class A, class T, class Make>
const A* read_tile(const T* whole, Slot slot, T* stored, std::int64_t at, std::int64_t size,
                   Make make) {
  if constexpr (std::is_same_v<T, A>) {
    if (whole && !stored) return whole + at;
    T* value = stored ? stored + at : scratch<T>(slot, size);
    make(value, static_cast<T*>(nullptr));
    return value;
  } else {
    A* value = scratch<A>(slot, size);
    make(value, stored ? stored + at : nullptr);
    return value;
  }
}

template <class A, class T>
const A* read_tile(const OperandRows<T>& from, bool plain, std::type_identity_t<T>* stored,
                   std::int64_t at, std::int64_t rows, std::int64_t channels) {
  return read_tile<A>(
      plain ? from.x1 : nullptr, Slot::input, stored, at, rows * channels,
      [&](auto* value, T* copy) { operand_rows(from.at(at), rows, channels, value, copy); });
}
template <class A, class T>
const A* read_tile(const GradientRows<T>& from, bool plain, std::type_identity_t<T>* stored,
                   std::int64_t at, std::int64_t rows, std::int64_t channels) {
  return read_tile<A>(
      plain ? from.g : nullptr, Slot::gradient, stored, at, rows * channels,
      [&](auto* value, T* copy) { gradient_rows(from.at(at), rows, channels, value, copy); });
}

// f with the types of activations and of tiles.
template <class F>
void with_arithmetic(Dtype dtype, const char* who, F f) {
  with_activation(dtype, who, [&]<class T>() {
    if constexpr (std::is_same_v<T, bfloat16>) {
      if (bf16_arithmetic() == Bf16::widened) return f.template operator()<T, float>();
    }
    f.template operator()<T, T>();
  });
}

}  // namespace rn::ops::cpu
