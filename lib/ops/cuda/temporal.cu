// Frames of clips on the GPU. All kernels own what they write and look up where it comes from, so
// nothing is added by chance.
#include "ops/cuda/elements.h"
#include "ops/cuda/rows.h"
#include "ops/cuda/temporal.h"

namespace rn::ops::cuda {
namespace {

struct ClipsAt {
  std::int64_t frames, pixels, channels;
  int taps;
  ClipsAt(const Taps& of, const Tensor& x)
      : frames(of.frames), pixels(x.dim(1) * x.dim(2)), channels(x.dim(3)), taps(of.taps) {}
  // Is the frame `by` away from that of the row in the same clip?
  __device__ bool inside(std::int64_t row, std::int64_t by) const {
    const std::int64_t frame = row / pixels % frames + by;
    return frame >= 0 && frame < frames;
  }
};

template <class T>
struct GatherAt {
  ClipsAt clips;
  OperandAt<T> in;
  T *stored, *y;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t c = i % clips.channels, rest = i / clips.channels;
    const int k = static_cast<int>(rest % clips.taps);
    const std::int64_t row = rest / clips.taps, by = k - clips.taps / 2;
    if (!clips.inside(row, by)) {
      y[i] = stored_as<T>(Wide<T>(0));
      return;
    }
    const std::int64_t from = (row + by * clips.pixels) * clips.channels + c;
    const Wide<T> v = OperandChannel<T>(in, c)(from);
    y[i] = stored_as<T>(in.relu ? rectify(v) : v);
    if (stored && by == 0) stored[from] = y[i];
  }
};

template <class T>
struct ScatterAt {
  ClipsAt clips;
  const T* d_y;
  OperandAt<T> input;
  const T *value, *shortcut;  // value: the operand's, where it is known
  T* d_x;
};

template <class T>
__global__ void scatter_kernel(Tiles tiles, ScatterAt<T> at, ReductionsAt<T> reductions) {
  using W = Wide<T>;
  __shared__ double shared[block_threads];
  const std::int64_t c = tiles.channel();
  const bool live = c < tiles.channels;
  ThreadReductions<T> sums(reductions, c, live);
  if (live) {
    const OperandChannel<T> input(at.input, c);
    for (std::int64_t row = tiles.first_row(); row < tiles.last_row(); row += tiles.ty) {
      const std::int64_t i = row * tiles.channels + c;
      W d = 0;
      for (int k = 0; k < at.clips.taps; ++k) {
        const std::int64_t by = at.clips.taps / 2 - k;
        if (!at.clips.inside(row, by)) continue;
        const std::int64_t to = row + by * at.clips.pixels;
        d += widen(at.d_y[(to * at.clips.taps + k) * tiles.channels + c]);
      }
      if (at.shortcut) d += widen(at.shortcut[i]);
      if (at.input.relu) {
        const W value = at.value ? widen(at.value[i]) : input(i);
        if (value <= W(0)) d = 0;
      }
      const T rounded = stored_as<T>(d);
      at.d_x[i] = rounded;
      sums.add(widen(rounded), i);
    }
  }
  sums.finish(blockIdx.x, c, live, tiles.thread(), tiles.tx, block_threads, shared);
}

struct WindowsAt {
  std::int64_t frames, out, inner;
  int size, stride;
  WindowsAt(const TemporalMaxPool& pool, const Tensor& input)
      : frames(pool.frames),
        out((pool.frames - pool.size) / pool.stride + 1),
        inner(input.dim(0) == 0 ? 1 : input.size() / input.dim(0)),
        size(pool.size),
        stride(pool.stride) {}
  // The frame of window p that has the maximum: the first of equals; NaN wins and stays. x: the
  // element's in the clip's first frame.
  template <class T>
  __device__ std::int64_t winner(const T* x, std::int64_t p) const {
    std::int64_t best = p * stride;
    Wide<T> so_far = widen(x[best * inner]);
    for (std::int64_t t = best + 1; t < p * stride + size; ++t) {
      const Wide<T> value = widen(x[t * inner]);
      if (so_far == so_far && !(value <= so_far)) {
        best = t;
        so_far = value;
      }
    }
    return best;
  }
};

template <class T>
struct PoolAt {
  WindowsAt at;
  const T* x;
  T* y;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t e = i % at.inner, frame = i / at.inner;
    const T* clip = x + frame / at.out * at.frames * at.inner + e;
    y[i] = clip[at.winner(clip, frame % at.out) * at.inner];
  }
};

template <class T>
struct PoolBackwardAt {
  WindowsAt at;
  const T *x, *d_y;
  T* d_x;
  __device__ void operator()(std::int64_t i) const {
    const std::int64_t e = i % at.inner, frame = i / at.inner;
    const std::int64_t n = frame / at.frames, t = frame % at.frames;
    const T* clip = x + n * at.frames * at.inner + e;
    Wide<T> sum = 0;
    std::int64_t p = t < at.size ? 0 : (t - at.size) / at.stride + 1;
    for (; p < at.out && p * at.stride <= t; ++p) {
      if (at.winner(clip, p) == t) sum += widen(d_y[(n * at.out + p) * at.inner + e]);
    }
    d_x[i] = stored_as<T>(sum);
  }
};

}  // namespace

void temporal_gather(const Taps& taps, const Operand& input, const Tensor& output, Stream& stream) {
  with_activation(output.dtype(), "temporal_gather", [&]<class T>() {
    const GatherAt<T> body{ClipsAt(taps, input.x1), OperandAt<T>(input), pointer<T>(input.stored),
                           pointer<T>(output)};
    launch_elements("temporal_gather", output.size(), body, stream);
  });
}

void temporal_gather_backward(const Taps& taps, const TemporalScatter& args, Stream& stream) {
  const char* op = "temporal_gather_backward";
  with_activation(args.d_input.dtype(), op, [&]<class T>() {
    const ClipsAt clips(taps, args.input.x1);
    const Tiles tiles(args.d_input.size() / clips.channels, clips.channels);
    const ScatterAt<T> at{clips,
                          pointer<T>(args.d_output),
                          OperandAt<T>(args.input),
                          pointer<T>(args.input.stored),
                          pointer<T>(args.shortcut),
                          pointer<T>(args.d_input)};
    ReductionsAt<T> sums(args.reductions, tiles.blocks, tiles.channels);
    if (sums.wanted > 0) sums.partial.at = scratch<double>(stream, sums.partial.doubles());
    if (tiles.blocks > 0) {
      launch(op, scatter_kernel<T>, tiles.grid(), tiles.block(), stream, tiles, at, sums);
    }
    sums.merge(op, args.reductions, stream);
  });
}

void temporal_max_pool_forward(const TemporalMaxPool& pool, const Tensor& input,
                               const Tensor& output, Stream& stream) {
  with_activation(input.dtype(), "temporal_max_pool_forward", [&]<class T>() {
    const PoolAt<T> body{WindowsAt(pool, input), pointer<T>(input), pointer<T>(output)};
    launch_elements("temporal_max_pool_forward", output.size(), body, stream);
  });
}

void temporal_max_pool_backward(const TemporalMaxPool& pool, const Tensor& input,
                                const Tensor& d_output, const Tensor& d_input, Stream& stream) {
  with_activation(input.dtype(), "temporal_max_pool_backward", [&]<class T>() {
    const PoolBackwardAt<T> body{WindowsAt(pool, input), pointer<T>(input), pointer<T>(d_output),
                                 pointer<T>(d_input)};
    launch_elements("temporal_max_pool_backward", d_input.size(), body, stream);
  });
}

}  // namespace rn::ops::cuda
