// Pooling on the GPU. Backward passes gather: a thread owns an element of d_input and looks up the
// windows it belongs to, in the order in which the CPU adds them, so nothing is added by chance.
#include "ops/cuda/ops.h"
#include "ops/cuda/rows.h"

namespace rn::ops::cuda {
namespace {

struct Window {
  int top, bottom, left, right;
  __device__ int cells() const { return (bottom - top) * (right - left); }
};

struct PoolAt {
  int height, width, channels, out_height, out_width;
  int kernel, stride, pad;
  bool zeros;
  PoolAt(const Pool2d& pool, const Tensor& input, const Tensor& output)
      : height(static_cast<int>(input.dim(1))),
        width(static_cast<int>(input.dim(2))),
        channels(static_cast<int>(input.dim(3))),
        out_height(static_cast<int>(output.dim(1))),
        out_width(static_cast<int>(output.dim(2))),
        kernel(pool.kernel),
        stride(pool.stride),
        pad(pool.pad),
        zeros(pool.zeros) {}
  __device__ Window window(int p, int q) const {
    const int top = p * stride - pad, left = q * stride - pad;
    return {top < 0 ? 0 : top, top + kernel < height ? top + kernel : height, left < 0 ? 0 : left,
            left + kernel < width ? left + kernel : width};
  }
  __device__ bool padding_counts(const Window& w) const {
    return zeros && w.cells() < kernel * kernel;
  }
  template <class W>
  __device__ W share(const Window& w) const {
    return W(1) / static_cast<W>(zeros ? kernel * kernel : w.cells());
  }
  // Of output pixel (p, q) the first and one past the last that contain x, along one axis.
  __device__ int first_of(int x) const {
    const int from = x + pad - kernel + 1;
    return from <= 0 ? 0 : (from + stride - 1) / stride;
  }
  __device__ int last_of(int x, int most) const {
    const int to = (x + pad) / stride + 1;
    return to < most ? to : most;
  }
};

template <class T>
__device__ Wide<T> maximum(const PoolAt& at, const Window& w, const T* x) {
  using W = Wide<T>;
  W best = at.padding_counts(w)
               ? W(0)
               : widen(x[(static_cast<std::int64_t>(w.top) * at.width + w.left) * at.channels]);
  for (int y = w.top; y < w.bottom; ++y) {
    for (int z = w.left; z < w.right; ++z) {
      const W value = widen(x[(static_cast<std::int64_t>(y) * at.width + z) * at.channels]);
      // The first of equals keeps it; NaN wins and stays.
      if (best == best && !(value <= best)) best = value;
    }
  }
  return best;
}

// Each kernel below runs over `size` elements of what it writes.
__device__ inline std::int64_t first_element() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t element_step() {
  return static_cast<std::int64_t>(gridDim.x) * blockDim.x;
}

template <class T, PoolKind kind>
__global__ void pool_kernel(PoolAt at, std::int64_t size, const T* x, T* y) {
  using W = Wide<T>;
  for (std::int64_t i = first_element(); i < size; i += element_step()) {
    const int c = static_cast<int>(i % at.channels);
    std::int64_t rest = i / at.channels;
    const int q = static_cast<int>(rest % at.out_width);
    rest /= at.out_width;
    const int p = static_cast<int>(rest % at.out_height);
    const T* image = x + rest / at.out_height * at.height * at.width * at.channels + c;
    const Window w = at.window(p, q);
    W value = 0;
    if constexpr (kind == PoolKind::max) {
      value = maximum(at, w, image);
    } else {
      for (int r = w.top; r < w.bottom; ++r) {
        for (int s = w.left; s < w.right; ++s) {
          value += widen(image[(static_cast<std::int64_t>(r) * at.width + s) * at.channels]);
        }
      }
      value *= at.template share<W>(w);
    }
    y[i] = stored_as<T>(value);
  }
}

// Is (y, x) the first cell of the window that holds its maximum?
template <class T>
__device__ bool wins(const PoolAt& at, const Window& w, const T* image, int y, int x) {
  using W = Wide<T>;
  const W best = maximum(at, w, image);
  if (at.padding_counts(w) && best == W(0)) return false;  // the padding's share is lost
  for (int r = w.top; r < w.bottom; ++r) {
    for (int s = w.left; s < w.right; ++s) {
      const W value = widen(image[(static_cast<std::int64_t>(r) * at.width + s) * at.channels]);
      if (value >= best || value != value) return r == y && s == x;
    }
  }
  return false;
}

template <class T, PoolKind kind>
__global__ void pool_backward_kernel(PoolAt at, std::int64_t size, const T* x, const T* d_y,
                                     T* d_x) {
  using W = Wide<T>;
  for (std::int64_t i = first_element(); i < size; i += element_step()) {
    const int c = static_cast<int>(i % at.channels);
    std::int64_t rest = i / at.channels;
    const int column = static_cast<int>(rest % at.width);
    rest /= at.width;
    const int row = static_cast<int>(rest % at.height);
    const std::int64_t n = rest / at.height;
    const T* image = x + n * at.height * at.width * at.channels + c;
    const T* d = d_y + n * at.out_height * at.out_width * at.channels + c;
    W sum = 0;
    for (int p = at.first_of(row); p < at.last_of(row, at.out_height); ++p) {
      for (int q = at.first_of(column); q < at.last_of(column, at.out_width); ++q) {
        const Window w = at.window(p, q);
        const W g = widen(d[(static_cast<std::int64_t>(p) * at.out_width + q) * at.channels]);
        if constexpr (kind == PoolKind::max) {
          if (wins(at, w, image, row, column)) sum += g;
        } else {
          sum += at.template share<W>(w) * g;
        }
      }
    }
    d_x[i] = stored_as<T>(sum);
  }
}

struct ShortcutAt {
  int height, width, channels;              // of the input
  int out_height, out_width, out_channels;  // of the output
  int stride, front;
  bool average;
  ShortcutAt(const PadShortcut& shortcut, const Tensor& input, const Tensor& output)
      : height(static_cast<int>(input.dim(1))),
        width(static_cast<int>(input.dim(2))),
        channels(static_cast<int>(input.dim(3))),
        out_height(static_cast<int>(output.dim(1))),
        out_width(static_cast<int>(output.dim(2))),
        out_channels(static_cast<int>(output.dim(3))),
        stride(shortcut.stride),
        front(shortcut.front),
        average(shortcut.average) {}
};

template <class T>
__global__ void shortcut_kernel(ShortcutAt at, std::int64_t size, const T* x, T* y) {
  using W = Wide<T>;
  const int box = at.average ? at.stride : 1;
  for (std::int64_t i = first_element(); i < size; i += element_step()) {
    const int c = static_cast<int>(i % at.out_channels) - at.front;
    std::int64_t rest = i / at.out_channels;
    const int q = static_cast<int>(rest % at.out_width);
    rest /= at.out_width;
    const int p = static_cast<int>(rest % at.out_height);
    const std::int64_t n = rest / at.out_height;
    W sum = 0;
    if (c >= 0 && c < at.channels) {
      const T* from =
          x + ((n * at.height + p * at.stride) * at.width + q * at.stride) * at.channels + c;
      for (int r = 0; r < box; ++r) {
        for (int s = 0; s < box; ++s) {
          sum += widen(from[(static_cast<std::int64_t>(r) * at.width + s) * at.channels]);
        }
      }
      if (box > 1) sum *= W(1) / static_cast<W>(box * box);
    }
    y[i] = stored_as<T>(sum);
  }
}

template <class T>
__global__ void shortcut_backward_kernel(ShortcutAt at, std::int64_t size, const T* d_y, T* d_x) {
  using W = Wide<T>;
  const int s = at.stride;
  const W share = at.average ? W(1) / static_cast<W>(s * s) : W(1);
  for (std::int64_t i = first_element(); i < size; i += element_step()) {
    const int c = static_cast<int>(i % at.channels);
    std::int64_t rest = i / at.channels;
    const int x = static_cast<int>(rest % at.width);
    rest /= at.width;
    const int y = static_cast<int>(rest % at.height);
    const std::int64_t n = rest / at.height;
    W d = 0;
    if (at.average || (y % s == 0 && x % s == 0)) {
      d = share * widen(d_y[((n * at.out_height + y / s) * at.out_width + x / s) * at.out_channels +
                            at.front + c]);
    }
    d_x[i] = stored_as<T>(d);
  }
}

// A block takes one image and tx channels.
template <class T>
__global__ void mean_kernel(Tiles tiles, std::int64_t pixels, OperandAt<T> in, T* stored,
                            Wide<T>* mean) {
  __shared__ double shared[block_threads];
  const std::int64_t c = tiles.channel(), n = blockIdx.x;
  const bool live = c < tiles.channels;
  ThreadSum<Wide<T>> sum;
  if (live) {
    const OperandChannel<T> value(in, c);
    for (std::int64_t row = threadIdx.y; row < pixels; row += tiles.ty) {
      const std::int64_t i = (n * pixels + row) * tiles.channels + c;
      const Wide<T> v = value(i);
      const T rounded = stored_as<T>(in.relu ? rectify(v) : v);
      if (stored) stored[i] = rounded;
      sum.add(widen(rounded));
    }
  }
  const double total =
      merge_block_sums(sum.finish(), tiles.thread(), tiles.tx, block_threads, shared);
  if (threadIdx.y == 0 && live) {
    mean[n * tiles.channels + c] = static_cast<Wide<T>>(total / static_cast<double>(pixels));
  }
}

template <class T>
__global__ void mean_backward_kernel(Tiles tiles, std::int64_t pixels, const Wide<T>* g,
                                     OperandAt<T> in, const T* value, T* d,
                                     ReductionsAt<T> reductions) {
  using W = Wide<T>;
  __shared__ double shared[block_threads];
  const std::int64_t c = tiles.channel();
  const bool live = c < tiles.channels;
  ThreadReductions<T> sums(reductions, c, live);
  if (live) {
    const OperandChannel<T> input(in, c);
    const W share = W(1) / static_cast<W>(pixels);
    for (std::int64_t row = tiles.first_row(); row < tiles.last_row(); row += tiles.ty) {
      const std::int64_t i = row * tiles.channels + c;
      W v = share * g[row / pixels * tiles.channels + c];
      if (in.relu && (value ? widen(value[i]) : input(i)) <= W(0)) v = 0;
      const T rounded = stored_as<T>(v);
      d[i] = rounded;
      sums.add(widen(rounded), i);
    }
  }
  sums.finish(blockIdx.x, c, live, tiles.thread(), tiles.tx, block_threads, shared);
}

dim3 grid_of(std::int64_t size) {
  return dim3(static_cast<unsigned>(std::clamp<std::int64_t>((size + 255) / 256, 1, 8192)));
}

template <class F>
void with_kind(PoolKind kind, F&& f) {
  if (kind == PoolKind::max) {
    f.template operator()<PoolKind::max>();
  } else {
    f.template operator()<PoolKind::average>();
  }
}

}  // namespace

void pool_forward(const Pool2d& pool, const Tensor& input, const Tensor& output, Stream& stream) {
  with_activation(input.dtype(), "pool_forward", [&]<class T>() {
    with_kind(pool.kind, [&]<PoolKind kind>() {
      launch("pool_forward", pool_kernel<T, kind>, grid_of(output.size()), dim3(256), stream,
             PoolAt(pool, input, output), output.size(), pointer<T>(input), pointer<T>(output));
    });
  });
}

void pool_backward(const Pool2d& pool, const Tensor& input, const Tensor& d_output,
                   const Tensor& d_input, Stream& stream) {
  with_activation(input.dtype(), "pool_backward", [&]<class T>() {
    with_kind(pool.kind, [&]<PoolKind kind>() {
      launch("pool_backward", pool_backward_kernel<T, kind>, grid_of(d_input.size()), dim3(256),
             stream, PoolAt(pool, input, d_output), d_input.size(), pointer<T>(input),
             pointer<T>(d_output), pointer<T>(d_input));
    });
  });
}

void pad_shortcut_forward(const PadShortcut& shortcut, const Tensor& input, const Tensor& output,
                          Stream& stream) {
  with_activation(input.dtype(), "pad_shortcut_forward", [&]<class T>() {
    launch("pad_shortcut_forward", shortcut_kernel<T>, grid_of(output.size()), dim3(256), stream,
           ShortcutAt(shortcut, input, output), output.size(), pointer<T>(input),
           pointer<T>(output));
  });
}

void pad_shortcut_backward(const PadShortcut& shortcut, const Tensor& d_output,
                           const Tensor& d_input, Stream& stream) {
  with_activation(d_output.dtype(), "pad_shortcut_backward", [&]<class T>() {
    launch("pad_shortcut_backward", shortcut_backward_kernel<T>, grid_of(d_input.size()), dim3(256),
           stream, ShortcutAt(shortcut, d_input, d_output), d_input.size(), pointer<T>(d_output),
           pointer<T>(d_input));
  });
}

void global_average_pool_forward(const Operand& input, const Tensor& output, Stream& stream) {
  const std::int64_t pixels = input.x1.dim(1) * input.x1.dim(2), channels = input.x1.dim(3);
  if (output.size() == 0) return;
  with_activation(input.x1.dtype(), "global_average_pool_forward", [&]<class T>() {
    const Tiles tiles(output.dim(0), channels);
    launch("global_average_pool_forward", mean_kernel<T>,
           dim3(static_cast<unsigned>(output.dim(0)), tiles.grid().y), tiles.block(), stream, tiles,
           pixels, OperandAt<T>(input), pointer<T>(input.stored), pointer<Wide<T>>(output));
  });
}

void global_average_pool_backward(const Tensor& d_output, const Operand& input,
                                  const Tensor& d_input, const Reductions& reductions,
                                  Stream& stream) {
  const char* op = "global_average_pool_backward";
  const std::int64_t pixels = input.x1.dim(1) * input.x1.dim(2), channels = input.x1.dim(3);
  with_activation(input.x1.dtype(), op, [&]<class T>() {
    const Tiles tiles(d_input.size() / channels, channels);
    ReductionsAt<T> sums(reductions, tiles.blocks, channels);
    if (sums.wanted > 0) sums.partial.at = scratch<double>(stream, sums.partial.doubles());
    if (tiles.blocks > 0) {
      launch(op, mean_backward_kernel<T>, tiles.grid(), tiles.block(), stream, tiles, pixels,
             pointer<Wide<T>>(d_output), OperandAt<T>(input), pointer<T>(input.stored),
             pointer<T>(d_input), sums);
    }
    sums.merge(op, reductions, stream);
  });
}

}  // namespace rn::ops::cuda
