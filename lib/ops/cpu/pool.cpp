#include <algorithm>

#include "ops/cpu/lanes.h"
#include "ops/cpu/ops.h"

namespace rn::ops::cpu {
namespace {

// Calls body(n) for every image, lanes in parallel.
template <class F>
void for_images(std::int64_t count, F&& body) {
  parallel_for(lanes(), [&](int lane) {
    const Range images = lane_range(count, lanes(), lane);
    for (std::int64_t n = images.begin; n < images.end; ++n) body(n);
  });
}

// The window of an output pixel, clipped to the image.
struct Window {
  std::int64_t top, bottom, left, right;
  std::int64_t cells() const { return (bottom - top) * (right - left); }
};

struct Geometry {
  std::int64_t height, width, channels, out_height, out_width;
  Pool2d pool;
  Geometry(const Pool2d& attr, const Tensor& input, const Tensor& output)
      : height(input.dim(1)),
        width(input.dim(2)),
        channels(input.dim(3)),
        out_height(output.dim(1)),
        out_width(output.dim(2)),
        pool(attr) {}
  Window window(std::int64_t p, std::int64_t q) const {
    const std::int64_t top = p * pool.stride - pool.pad, left = q * pool.stride - pool.pad;
    return {std::max<std::int64_t>(0, top), std::min(height, top + pool.kernel),
            std::max<std::int64_t>(0, left), std::min(width, left + pool.kernel)};
  }
  // Do zeros around the image take part in this window?
  bool padding_counts(const Window& window) const {
    return pool.zeros && window.cells() < std::int64_t{pool.kernel} * pool.kernel;
  }
  template <class T>
  T share(const Window& window) const {
    const std::int64_t whole = std::int64_t{pool.kernel} * pool.kernel;
    return T(1) / static_cast<T>(pool.zeros ? whole : window.cells());
  }
  std::int64_t pixels() const { return height * width; }
  std::int64_t out_pixels() const { return out_height * out_width; }
};

// Calls body(pixel's offset) for the pixels of a window, in row order.
template <class F>
void for_window(const Geometry& at, const Window& window, F&& body) {
  for (std::int64_t y = window.top; y < window.bottom; ++y) {
    for (std::int64_t x = window.left; x < window.right; ++x) {
      body((y * at.width + x) * at.channels);
    }
  }
}

// Does `value` take the maximum from `best`? The first of equals keeps it; NaN wins and stays.
template <class T>
bool beats(T value, T best) {
  return best == best && !(value <= best);
}

// The maximum over a window and, where they count, the zeros around the image.
template <class T>
void maximum(const Geometry& at, const Window& window, const T* x, Wide<T>* best) {
  if (at.padding_counts(window)) {
    std::fill(best, best + at.channels, Wide<T>(0));
  } else {
    const T* first = x + (window.top * at.width + window.left) * at.channels;
    std::copy(first, first + at.channels, best);
  }
  for_window(at, window, [&](std::int64_t from) {
    for (std::int64_t c = 0; c < at.channels; ++c) {
      const Wide<T> value = x[from + c];
      best[c] = beats(value, best[c]) ? value : best[c];
    }
  });
}

template <class T>
void forward_window(const Geometry& at, const Window& window, const T* x, T* y) {
  using W = Wide<T>;
  W* value = scratch<W>(Slot::vector, at.channels);
  if (at.pool.kind == PoolKind::max) {
    maximum(at, window, x, value);
  } else {
    std::fill(value, value + at.channels, W(0));
    for_window(at, window, [&](std::int64_t from) {
      for (std::int64_t c = 0; c < at.channels; ++c) value[c] += x[from + c];
    });
    const W share = at.share<W>(window);
    for (std::int64_t c = 0; c < at.channels; ++c) value[c] *= share;
  }
  for (std::int64_t c = 0; c < at.channels; ++c) y[c] = T(value[c]);
}

// d_x: Wide<T>, since windows overlap and their shares are added.
template <class T>
void backward_window(const Geometry& at, const Window& window, const T* x, const T* d_y,
                     Wide<T>* d_x) {
  using W = Wide<T>;
  if (at.pool.kind == PoolKind::max) {
    // Each channel's gradient is handed to the first cell that holds the maximum; `left` is what
    // has found none yet. All loops are over channels, as vector code: no two of the four arrays
    // overlap, which the compiler has to be told.
    W* best = scratch<W>(Slot::vector, at.channels);
    W* left = scratch<W>(Slot::column, at.channels);
    maximum(at, window, x, best);
    const bool padding = at.padding_counts(window);
    for (std::int64_t c = 0; c < at.channels; ++c) {
      left[c] = padding && best[c] == W(0) ? W(0) : d_y[c];  // the padding's share is lost
    }
    for_window(at, window, [&](std::int64_t to) {
      const T* from = x + to;
      W* sum = d_x + to;
#pragma omp simd
      for (std::int64_t c = 0; c < at.channels; ++c) {
        const W value = from[c], rest = left[c];
        const bool wins = (value >= best[c]) | (value != value);
        sum[c] += wins ? rest : W(0);
        left[c] = wins ? W(0) : rest;
      }
    });
  } else {
    const W share = at.share<W>(window);
    for_window(at, window, [&](std::int64_t to) {
      for (std::int64_t c = 0; c < at.channels; ++c) d_x[to + c] += share * d_y[c];
    });
  }
}

}  // namespace

void pool_forward(const Pool2d& pool, const Tensor& input, const Tensor& output) {
  const Geometry at(pool, input, output);
  with_activation(input.dtype(), "pool_forward", [&]<class T>() {
    for_images(input.dim(0), [&](std::int64_t n) {
      const T* x = input.data<T>() + n * at.pixels() * at.channels;
      T* y = output.data<T>() + n * at.out_pixels() * at.channels;
      for (std::int64_t p = 0; p < at.out_height; ++p) {
        for (std::int64_t q = 0; q < at.out_width; ++q, y += at.channels) {
          forward_window(at, at.window(p, q), x, y);
        }
      }
    });
  });
}

void pool_backward(const Pool2d& pool, const Tensor& input, const Tensor& d_output,
                   const Tensor& d_input) {
  const Geometry at(pool, input, d_output);
  with_activation(input.dtype(), "pool_backward", [&]<class T>() {
    for_images(input.dim(0), [&](std::int64_t n) {
      const T* x = input.data<T>() + n * at.pixels() * at.channels;
      const T* d_y = d_output.data<T>() + n * at.out_pixels() * at.channels;
      const std::int64_t size = at.pixels() * at.channels;
      T* out = d_input.data<T>() + n * size;
      Wide<T>* d_x;
      if constexpr (std::is_same_v<T, Wide<T>>) {
        d_x = out;
      } else {
        d_x = scratch<Wide<T>>(Slot::gradient, size);
      }
      std::fill(d_x, d_x + size, Wide<T>(0));
      for (std::int64_t p = 0; p < at.out_height; ++p) {
        for (std::int64_t q = 0; q < at.out_width; ++q, d_y += at.channels) {
          backward_window(at, at.window(p, q), x, d_y, d_x);
        }
      }
      if constexpr (!std::is_same_v<T, Wide<T>>) {
        for (std::int64_t k = 0; k < size; ++k) out[k] = T(d_x[k]);
      }
    });
  });
}

void pad_shortcut_forward(const PadShortcut& shortcut, const Tensor& input, const Tensor& output) {
  const std::int64_t width = input.dim(2), channels = input.dim(3);
  const std::int64_t out_height = output.dim(1), out_width = output.dim(2), all = output.dim(3);
  const std::int64_t s = shortcut.stride, box = shortcut.average ? s : 1;
  with_activation(input.dtype(), "pad_shortcut_forward", [&]<class T>() {
    using W = Wide<T>;
    const W share = W(1) / static_cast<W>(box * box);
    for_images(input.dim(0), [&](std::int64_t n) {
      W* sum = scratch<W>(Slot::vector, channels);
      const T* x = input.data<T>() + n * input.dim(1) * width * channels;
      T* y = output.data<T>() + n * out_height * out_width * all;
      for (std::int64_t p = 0; p < out_height; ++p) {
        for (std::int64_t q = 0; q < out_width; ++q, y += all) {
          std::fill(y, y + all, T());
          T* to = y + shortcut.front;
          if (box == 1) {
            std::copy_n(x + (p * s * width + q * s) * channels, channels, to);
            continue;
          }
          std::fill(sum, sum + channels, W(0));
          for (std::int64_t i = 0; i < box; ++i) {
            const T* row = x + ((p * s + i) * width + q * s) * channels;
            for (std::int64_t j = 0; j < box; ++j, row += channels) {
              for (std::int64_t c = 0; c < channels; ++c) sum[c] += row[c];
            }
          }
          for (std::int64_t c = 0; c < channels; ++c) to[c] = T(sum[c] * share);
        }
      }
    });
  });
}

void pad_shortcut_backward(const PadShortcut& shortcut, const Tensor& d_output,
                           const Tensor& d_input) {
  const std::int64_t height = d_input.dim(1), width = d_input.dim(2), channels = d_input.dim(3);
  const std::int64_t out_width = d_output.dim(2), all = d_output.dim(3), s = shortcut.stride;
  with_activation(d_output.dtype(), "pad_shortcut_backward", [&]<class T>() {
    using W = Wide<T>;
    const W share = shortcut.average ? W(1) / static_cast<W>(s * s) : W(1);
    for_images(d_input.dim(0), [&](std::int64_t n) {
      const T* d_y = d_output.data<T>() + n * d_output.dim(1) * out_width * all + shortcut.front;
      T* to = d_input.data<T>() + n * height * width * channels;
      for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x, to += channels) {
          if (shortcut.average || (y % s == 0 && x % s == 0)) {
            const T* from = d_y + (y / s * out_width + x / s) * all;
            for (std::int64_t c = 0; c < channels; ++c) to[c] = T(share * from[c]);
          } else {
            std::fill(to, to + channels, T());
          }
        }
      }
    });
  });
}

void global_average_pool_forward(const Operand& input, const Tensor& output) {
  const std::int64_t pixels = input.x1.dim(1) * input.x1.dim(2), channels = input.x1.dim(3);
  const std::int64_t tile = tile_rows(channels);
  with_activation(input.x1.dtype(), "global_average_pool_forward", [&]<class T>() {
    const OperandRows<T> in(input);
    const bool plain = input.plain() && !input.stored;
    for_images(output.dim(0), [&](std::int64_t n) {
      ReductionRows<T> reduction;
      reduction.sums = scratch<double>(Slot::vector, 2 * channels);
      std::fill(reduction.sums, reduction.sums + 2 * channels, 0.0);
      for (std::int64_t begin = 0; begin < pixels; begin += tile) {
        const std::int64_t rows = std::min(tile, pixels - begin);
        const std::int64_t at = (n * pixels + begin) * channels;
        const T* value = in.x1 + at;
        if (!plain) {
          T* y =
              input.stored ? input.stored.data<T>() + at : scratch<T>(Slot::input, tile * channels);
          operand_rows<T, T>(in.at(at), rows, channels, y, nullptr);
          value = y;
        }
        reduce_rows(value, reduction, rows, channels);
      }
      Wide<T>* mean = output.data<Wide<T>>() + n * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        mean[c] = static_cast<Wide<T>>(reduction.sums[c] / static_cast<double>(pixels));
      }
    });
  });
}

void global_average_pool_backward(const Tensor& d_output, const Operand& input,
                                  const Tensor& d_input, const Reductions& reductions) {
  const std::int64_t pixels = input.x1.dim(1) * input.x1.dim(2), channels = input.x1.dim(3);
  const std::int64_t tile = tile_rows(channels);
  with_activation(input.x1.dtype(), "global_average_pool_backward", [&]<class T>() {
    const OperandRows<T> in(input);
    const T* value = input.stored ? input.stored.data<T>() : nullptr;
    using W = Wide<T>;
    const W share = W(1) / static_cast<W>(pixels);
    const LaneSums<T> sums(reductions, channels);
    parallel_for(lanes(), [&](int lane) {
      const Range images = lane_range(d_output.dim(0), lanes(), lane);
      for (std::int64_t n = images.begin; n < images.end; ++n) {
        const W* g = d_output.data<W>() + n * channels;
        W* spread = scratch<W>(Slot::gradient, tile * channels);
        for (std::int64_t i = 0; i < std::min(tile, pixels); ++i) {
          std::copy(g, g + channels, spread + i * channels);
        }
        for (std::int64_t begin = 0; begin < pixels; begin += tile) {
          const std::int64_t rows = std::min(tile, pixels - begin);
          const std::int64_t row = n * pixels + begin, at = row * channels;
          T* d = d_input.data<T>() + at;
          mask_rows<T, T>(in.at(at), value ? value + at : nullptr, nullptr, share, rows, channels,
                          spread, d);
          sums.add(lane, d, row, rows);
        }
      }
    });
    sums.finish();
  });
}

}  // namespace rn::ops::cpu
