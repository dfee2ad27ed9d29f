// TV-L1 on the GPU: all pairs of a group step by step, each kernel over all their pixels. A pair
// that no longer moves is passed over until the next warp; the host looks after every wave of
// iterations whether any still does.
#include <array>
#include <cmath>
#include <vector>

#include "ops/cuda/elements.h"
#include "ops/cuda/flow.h"
#include "ops/cuda/ops.h"
#include "ops/cuda/rows.h"

namespace rn::ops::cuda {
namespace {

using namespace flow;

constexpr const char* op = "tv_l1_flow";
constexpr int wave = 5;                                       // iterations between two looks
constexpr std::int64_t group_pixels = std::int64_t{1} << 24;  // of a group of pairs
constexpr std::int64_t most_blocks = 256;                     // of a pair, where changes are summed

std::vector<Extent> pyramid_of(const TvL1& p, const Extent& whole) {
  std::vector<Extent> extents;
  for (const FlowScale& scale : flow_scales(p, whole.h, whole.w)) {
    extents.push_back({scale.h, scale.w});
  }
  return extents;
}

// One iteration's u; changes [pairs, blocks] of the squared changes, where they are wanted.
template <class T>
__global__ void primal_kernel(std::int64_t pixels, Primal<T> primal, const int* moving,
                              double* changes) {
  __shared__ double shared[block_threads];
  const std::int64_t pair = blockIdx.y, step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  double change = 0;
  if (moving[pair]) {
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
         i < pixels; i += step) {
      change += primal(pair * pixels + i);
    }
  }
  if (!changes) return;
  const int thread = static_cast<int>(threadIdx.x);
  change = merge_block_sums(change, thread, 1, block_threads, shared);
  if (thread == 0) changes[pair * gridDim.x + blockIdx.x] = change;
}

__global__ void judge_kernel(std::int64_t blocks, double enough, const double* changes,
                             int* moving) {
  __shared__ double shared[block_threads];
  const std::int64_t pair = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  double change = 0;
  for (std::int64_t k = thread; k < blocks; k += block_threads)
    change += changes[pair * blocks + k];
  change = merge_block_sums(change, thread, 1, block_threads, shared);
  if (thread == 0 && !(change > enough)) moving[pair] = 0;
}

struct Start {
  int* moving;
  __device__ void operator()(std::int64_t i) const { moving[i] = 1; }
};

template <class T>
class Group {
 public:
  Group(const TvL1& parameters, const Extent& whole, std::int64_t pairs, Stream& stream)
      : p_(parameters),
        pairs_(pairs),
        stream_(stream),
        extents_(pyramid_of(parameters, whole)),
        moving_on_host_(static_cast<std::size_t>(pairs)) {
    std::int64_t pyramid = 0;
    for (std::size_t s = 1; s < extents_.size(); ++s) pyramid += 2 * pixels(s);
    const std::int64_t sums = pairs * most_blocks, flags = (pairs + 1) / 2;  // in doubles
    const std::int64_t head = sums + flags, planes = pyramid + 16 * pixels(0);
    const std::size_t bytes = static_cast<std::size_t>(head) * sizeof(double) +
                              static_cast<std::size_t>(planes) * sizeof(T);
    changes_ = static_cast<double*>(scratch_bytes(stream, bytes));
    moving_ = reinterpret_cast<int*>(changes_ + sums);
    next_ = reinterpret_cast<T*>(changes_ + head);
    from_.resize(extents_.size());
    to_.resize(extents_.size());
    for (std::size_t s = 1; s < extents_.size(); ++s) {
      from_[s] = take(pixels(s));
      to_[s] = take(pixels(s));
    }
    for (T** plane : {&u_[0], &u_[1], &other_[0], &other_[1], &p11_, &p12_, &p21_, &p22_,
                      &warped_.dx, &warped_.dy, &warped_.inverse, &warped_.rho}) {
      *plane = take(pixels(0));
    }
    samples_ = take(4 * pixels(0));
  }

  void run(T* from, T* to, T* flow) {
    from_[0] = from;
    to_[0] = to;
    for (std::size_t s = 1; s < extents_.size(); ++s) {
      for (auto* image : {&from_, &to_}) {
        resize(s - 1, (*image)[s - 1], s, (*image)[s], p_.scale_step, T(1));
      }
    }
    for (std::size_t s = extents_.size(); s-- > 0;) {
      for (int c = 0; c < 2; ++c) {
        if (s + 1 == extents_.size()) {
          zero(u_[c], pixels(s));
        } else {
          resize(s + 1, u_[c], s, other_[c], 0, static_cast<T>(1 / p_.scale_step));
        }
      }
      if (s + 1 < extents_.size()) std::swap(u_, other_);
      one_scale(s);
    }
    launch_elements(op, pixels(0), Interleave<T>{u_[0], u_[1], flow}, stream_);
  }

 private:
  std::int64_t pixels(std::size_t s) const { return pairs_ * extents_[s].size(); }
  T* take(std::int64_t count) { return std::exchange(next_, next_ + count); }
  void zero(T* plane, std::int64_t count) {
    rn::cuda::zero_async(plane, static_cast<std::size_t>(count) * sizeof(T), stream_.handle());
  }

  // The step between samples is 1 / scale where given (> 0), else the ratio of the extents.
  void resize(std::size_t a, const T* from, std::size_t b, T* to, double scale, T factor) {
    const auto ratio = [&](std::int64_t m, std::int64_t n) {
      return scale > 0 ? 1 / scale : static_cast<double>(m) / static_cast<double>(n);
    };
    const Resize<T> body{extents_[a],
                         extents_[b],
                         ratio(extents_[a].h, extents_[b].h),
                         ratio(extents_[a].w, extents_[b].w),
                         factor,
                         from,
                         to};
    launch_elements(op, pixels(b), body, stream_);
  }

  void one_scale(std::size_t s) {
    const Extent& e = extents_[s];
    launch_elements(op, pixels(s), Sample4<T>{e, to_[s], samples_}, stream_);
    for (T* plane : {p11_, p12_, p21_, p22_}) zero(plane, pixels(s));
    for (int warp = 0; warp < p_.warps; ++warp) {
      const Warp<T> body{e, from_[s], samples_, u_[0], u_[1], warped_};
      launch_elements(op, pixels(s), body, stream_);
      launch_elements(op, pairs_, Start{moving_}, stream_);
      bool moving = true;
      for (int outer = 0; outer < p_.outer && moving; ++outer) {
        if (p_.median == 3) smooth<3>(s);
        if (p_.median == 5) smooth<5>(s);
        for (int done = 0; done < p_.inner && moving; done += wave) {
          moving = iterate(s, std::min(wave, p_.inner - done));
        }
      }
    }
  }

  template <int side>
  void smooth(std::size_t s) {
    for (int c = 0; c < 2; ++c) {
      const Median<side, T> body{extents_[s], moving_, u_[c], other_[c]};
      launch_elements(op, pixels(s), body, stream_);
    }
    std::swap(u_, other_);
  }

  // Whether any pair still moves after `count` iterations.
  bool iterate(std::size_t s, int count) {
    const Extent& e = extents_[s];
    const Unknowns<T> unknowns{u_[0], u_[1], p11_, p12_, p21_, p22_};
    const Primal<T> primal{e, static_cast<T>(p_.lambda * p_.theta), static_cast<T>(p_.theta),
                           warped_, unknowns};
    const Dual<T> dual{e, static_cast<T>(p_.tau / p_.theta), moving_, unknowns};
    const std::int64_t blocks =
        std::min((e.size() + block_threads - 1) / block_threads, most_blocks);
    const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(pairs_));
    for (int k = 1; k <= count; ++k) {
      launch(op, primal_kernel<T>, grid, dim3(block_threads), stream_, e.size(), primal, moving_,
             k == count ? changes_ : nullptr);
      launch_elements(op, pixels(s), dual, stream_);
    }
    launch(op, judge_kernel, dim3(static_cast<unsigned>(pairs_)), dim3(block_threads), stream_,
           blocks, p_.epsilon * p_.epsilon * static_cast<double>(e.size()), changes_, moving_);
    copy_async(moving_on_host_.data(), rn::cpu, moving_, stream_.device(),
               moving_on_host_.size() * sizeof(int), stream_);
    stream_.synchronize();
    return std::any_of(moving_on_host_.begin(), moving_on_host_.end(),
                       [](int moves) { return moves != 0; });
  }

  const TvL1& p_;
  std::int64_t pairs_;
  Stream& stream_;
  std::vector<Extent> extents_;
  std::vector<int> moving_on_host_;
  double* changes_ = nullptr;
  int* moving_ = nullptr;  // by pair: 1 until the next warp, or until it no longer moves
  T* next_ = nullptr;
  std::vector<T*> from_, to_;  // by scale
  std::array<T*, 2> u_{}, other_{};
  T *p11_ = nullptr, *p12_ = nullptr, *p21_ = nullptr, *p22_ = nullptr;
  Warped<T> warped_{};
  T* samples_ = nullptr;
};

}  // namespace

void tv_l1_flow(const TvL1& parameters, const Tensor& from, const Tensor& to, const Tensor& flow,
                Stream& stream) {
  with_float(from.dtype(), op, [&]<class T>() {
    const Extent whole{from.dim(1), from.dim(2)};
    const std::int64_t most = std::clamp<std::int64_t>(group_pixels / whole.size(), 1, max_grid_yz);
    for (std::int64_t first = 0; first < from.dim(0); first += most) {
      const std::int64_t at = first * whole.size();
      Group<T>(parameters, whole, std::min(most, from.dim(0) - first), stream)
          .run(pointer<T>(from) + at, pointer<T>(to) + at, pointer<T>(flow) + 2 * at);
    }
  });
}

}  // namespace rn::ops::cuda
