#include "ops/cpu/temporal.h"

#include <algorithm>

#include "ops/cpu/lanes.h"

namespace rn::ops::cpu {
namespace {

// Rows are pixels; a row's frame is that of its image.
struct Clips {
  std::int64_t frames, taps, pixels, channels, rows;
  Clips(const Taps& of, const Tensor& x)
      : frames(of.frames),
        taps(of.taps),
        pixels(x.dim(1) * x.dim(2)),
        channels(x.dim(3)),
        rows(x.dim(0) * pixels) {}
  std::int64_t frame(std::int64_t row) const { return row / pixels % frames; }
  // Where tap k of a value of `row` goes, as frames from its own.
  std::int64_t to(std::int64_t k) const { return taps / 2 - k; }
  bool inside(std::int64_t frame) const { return frame >= 0 && frame < frames; }
};

}  // namespace

void temporal_gather(const Taps& taps, const Operand& input, const Tensor& output) {
  const Clips clips(taps, input.x1);
  const std::int64_t channels = clips.channels;
  with_activation(output.dtype(), "temporal_gather", [&]<class T>() {
    const OperandRows<T> in(input);
    const bool plain = input.plain() && !input.stored;
    T* y = output.data<T>();
    for_tiles(clips.rows, channels, [&](int, std::int64_t begin, std::int64_t end) {
      const std::int64_t at = begin * channels;
      const T* value = in.x1 + at;
      if (!plain) {
        T* written = input.stored ? input.stored.data<T>() + at
                                  : scratch<T>(Slot::input, (end - begin) * channels);
        operand_rows<T, T>(in.at(at), end - begin, channels, written, nullptr);
        value = written;
      }
      for (std::int64_t row = begin; row < end; ++row, value += channels) {
        const std::int64_t frame = clips.frame(row);
        for (std::int64_t k = 0; k < clips.taps; ++k) {
          // Each value is copied to where it is wanted; zeros are written by who has them.
          const std::int64_t to = row + clips.to(k) * clips.pixels;
          if (clips.inside(frame + clips.to(k))) {
            std::copy_n(value, channels, y + (to * clips.taps + k) * channels);
          }
          if (!clips.inside(frame - clips.to(k))) {
            std::fill_n(y + (row * clips.taps + k) * channels, channels, T());
          }
        }
      }
    });
  });
}

void temporal_gather_backward(const Taps& taps, const TemporalScatter& args) {
  const Clips clips(taps, args.input.x1);
  const std::int64_t channels = clips.channels;
  with_activation(args.d_input.dtype(), "temporal_gather_backward", [&]<class T>() {
    using W = Wide<T>;
    const OperandRows<T> in(args.input);
    const T* value = pointer<T>(args.input.stored);
    const T* shortcut = pointer<T>(args.shortcut);
    const T* d_y = args.d_output.data<T>();
    T* d_x = args.d_input.data<T>();
    const LaneSums<T> sums(args.reductions, channels);
    for_tiles(clips.rows, channels, [&](int lane, std::int64_t begin, std::int64_t end) {
      const std::int64_t at = begin * channels, count = end - begin;
      W* sum = scratch<W>(Slot::gradient, count * channels);
      std::fill_n(sum, count * channels, W(0));
      for (std::int64_t row = begin; row < end; ++row) {
        W* d = sum + (row - begin) * channels;
        const std::int64_t frame = clips.frame(row);
        for (std::int64_t k = 0; k < clips.taps; ++k) {
          if (!clips.inside(frame + clips.to(k))) continue;
          const std::int64_t to = row + clips.to(k) * clips.pixels;
          const T* from = d_y + (to * clips.taps + k) * channels;
          for (std::int64_t c = 0; c < channels; ++c) d[c] += static_cast<W>(from[c]);
        }
      }
      mask_rows<T, T, W>(in.at(at), value ? value + at : nullptr,
                         shortcut ? shortcut + at : nullptr, W(1), count, channels, sum, d_x + at);
      sums.add(lane, d_x + at, begin, count);
    });
    sums.finish();
  });
}

namespace {

// A clip's frames of `inner` elements each, pooled to `out` of them; the elements of all clips are
// cut into lanes.
struct Windows {
  std::int64_t frames, out, inner, elements;
  int size, stride;
  Windows(const TemporalMaxPool& pool, const Tensor& input)
      : frames(pool.frames),
        out((pool.frames - pool.size) / pool.stride + 1),
        inner(input.dim(0) == 0 ? 0 : input.size() / input.dim(0)),
        elements(input.dim(0) / pool.frames * inner),
        size(pool.size),
        stride(pool.stride) {}

  // body(clip, first element, count) for what the lanes have.
  template <class F>
  void for_pieces(F&& body) const {
    constexpr std::int64_t piece = 2048;
    parallel_for(lanes(), [&](int lane) {
      const Range range = lane_range(elements, lanes(), lane);
      for (std::int64_t begin = range.begin; begin < range.end;) {
        const std::int64_t clip = begin / inner, first = begin % inner;
        const std::int64_t count = std::min({piece, range.end - begin, inner - first});
        body(clip, first, count);
        begin += count;
      }
    });
  }
};

// The first of equals keeps it; NaN wins and stays.
template <class W>
bool beats(W value, W best) {
  return best == best && !(value <= best);
}

// The frame of the window from `first` on that has element i's maximum; x: the clip's.
template <class T>
std::int64_t winner(const Windows& at, const T* x, std::int64_t first, std::int64_t i) {
  std::int64_t best = first;
  for (std::int64_t t = first + 1; t < first + at.size; ++t) {
    const Wide<T> value = x[t * at.inner + i], so_far = x[best * at.inner + i];
    if (beats(value, so_far)) best = t;
  }
  return best;
}

}  // namespace

void temporal_max_pool_forward(const TemporalMaxPool& pool, const Tensor& input,
                               const Tensor& output) {
  const Windows at(pool, input);
  with_activation(input.dtype(), "temporal_max_pool_forward", [&]<class T>() {
    at.for_pieces([&](std::int64_t clip, std::int64_t first, std::int64_t count) {
      const T* x = input.data<T>() + clip * at.frames * at.inner;
      T* y = output.data<T>() + clip * at.out * at.inner;
      for (std::int64_t p = 0; p < at.out; ++p, y += at.inner) {
        for (std::int64_t i = first; i < first + count; ++i) {
          y[i] = x[winner(at, x, p * at.stride, i) * at.inner + i];
        }
      }
    });
  });
}

void temporal_max_pool_backward(const TemporalMaxPool& pool, const Tensor& input,
                                const Tensor& d_output, const Tensor& d_input) {
  const Windows at(pool, input);
  with_activation(input.dtype(), "temporal_max_pool_backward", [&]<class T>() {
    using W = Wide<T>;
    at.for_pieces([&](std::int64_t clip, std::int64_t first, std::int64_t count) {
      const T* x = input.data<T>() + clip * at.frames * at.inner;
      const T* d_y = d_output.data<T>() + clip * at.out * at.inner;
      T* d_x = d_input.data<T>() + clip * at.frames * at.inner;
      // Windows overlap: a frame's shares are added before they are rounded.
      W* sum = scratch<W>(Slot::gradient, at.frames * count);
      std::fill_n(sum, at.frames * count, W(0));
      for (std::int64_t p = 0; p < at.out; ++p) {
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int64_t t = winner(at, x, p * at.stride, first + i);
          sum[t * count + i] += static_cast<W>(d_y[p * at.inner + first + i]);
        }
      }
      for (std::int64_t t = 0; t < at.frames; ++t) {
        for (std::int64_t i = 0; i < count; ++i) {
          d_x[t * at.inner + first + i] = T(sum[t * count + i]);
        }
      }
    });
  });
}

}  // namespace rn::ops::cpu
