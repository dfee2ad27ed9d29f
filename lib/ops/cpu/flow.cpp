// TV-L1 of one pair of images: the pyramid, the warps, and the iterations cut into bands of rows.
// Pairs go to threads whole where there are enough of them. Otherwise the rows of one do: each band
// holds a few rows of its neighbours, iterates as far as these last, and takes them anew.
#include "ops/cpu/flow.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/parallel.h"
#include "ops/cpu/ops.h"
#include "ops/cpu/scratch.h"

namespace rn::ops::cpu {
namespace {

using namespace flow;

constexpr std::int64_t band_rows = 32;  // at least; far more than the rows of neighbours

std::vector<Extent> pyramid_of(const TvL1& p, const Extent& whole) {
  std::vector<Extent> extents;
  for (const FlowScale& scale : flow_scales(p, whole.h, whole.w)) {
    extents.push_back({scale.h, scale.w});
  }
  return extents;
}

// Hands out rows and planes of one piece of memory, all zero; only counts without one.
template <class T>
class Arena {
 public:
  explicit Arena(T* memory) : memory_(memory) {}
  // Column 0 of the first of `rows` rows.
  T* rows(const Extent& extent, std::int64_t rows) {
    const std::int64_t size = rows * extent.stride() + 2 * margin, at = taken_;
    taken_ += size;
    if (!memory_) return nullptr;
    std::fill_n(memory_ + at, size, T(0));
    return memory_ + at + margin;
  }
  T* plane(const Extent& extent) { return rows(extent, extent.h); }
  std::int64_t taken() const { return taken_; }

 private:
  T* memory_;
  std::int64_t taken_ = 0;
};

template <class T>
class Pair {
 public:
  Pair(const TvL1& parameters, const Extent& whole, int bands)
      : p_(parameters), extents_(pyramid_of(parameters, whole)), most_bands_(bands) {
    // Once to count, once to have: scratch memory is the thread's, so nothing is allocated again.
    Arena<T> count(nullptr);
    lay_out(count);
    changes_ = scratch<double>(Slot::partial, whole.h);
    Arena<T> memory(scratch<T>(Slot::flow, count.taken()));
    lay_out(memory);
  }

  void run(const T* from, const T* to, T* flow) {
    const Extent& whole = extents_.front();
    rows(whole, [&](std::int64_t y) {
      std::copy_n(from + y * whole.w, whole.w, from_[0] + y * whole.stride());
      std::copy_n(to + y * whole.w, whole.w, to_[0] + y * whole.stride());
    });
    for (std::size_t s = 1; s < extents_.size(); ++s) {
      for (const auto& image : {from_, to_}) {
        cut(extents_[s], [&](std::int64_t a, std::int64_t b) {
          resize_rows(extents_[s - 1], image[s - 1], extents_[s], image[s], p_.scale_step, T(1), a,
                      b);
        });
      }
    }
    for (std::size_t s = extents_.size(); s-- > 0;) {
      if (s + 1 < extents_.size()) {
        for (int c = 0; c < 2; ++c) {
          cut(extents_[s], [&](std::int64_t a, std::int64_t b) {
            resize_rows(extents_[s + 1], u_[c], extents_[s], other_[c], 0,
                        static_cast<T>(1 / p_.scale_step), a, b);
          });
        }
        std::swap(u_, other_);
      }
      one_scale(s);
    }
    rows(whole, [&](std::int64_t y) {
      const T *u1 = u_[0] + y * whole.stride(), *u2 = u_[1] + y * whole.stride();
      T* out = flow + 2 * y * whole.w;
      for (std::int64_t x = 0; x < whole.w; ++x) {
        out[2 * x] = u1[x];
        out[2 * x + 1] = u2[x];
      }
    });
  }

 private:
  void lay_out(Arena<T>& memory) {
    const Extent& whole = extents_.front();
    from_.clear();
    to_.clear();
    for (const Extent& extent : extents_) {
      from_.push_back(memory.plane(extent));
      to_.push_back(memory.plane(extent));
    }
    for (int c = 0; c < 2; ++c) {
      u_[c] = memory.plane(whole);
      other_[c] = memory.plane(whole);
    }
    warped_ = {memory.plane(whole), memory.plane(whole), memory.plane(whole), memory.plane(whole)};
    samples_ = memory.rows(whole, 4 * whole.h);
    zero_ = memory.rows(whole, 1);
    ones_ = memory.rows(whole, 1);
    columns_ = memory.rows(whole, 5 * most_bands_);
    const std::int64_t held = whole.h + 2 * wave * (most_bands_ - 1);
    for (T*& plane : unknowns_) plane = memory.rows(whole, held);
  }

  int bands_of(const Extent& extent) const {
    return static_cast<int>(std::clamp<std::int64_t>(extent.h / band_rows, 1, most_bands_));
  }

  // f(first, last) over all rows, and f(y).
  template <class F>
  void cut(const Extent& extent, F&& f) {
    const int bands = bands_of(extent);
    parallel_for(bands, [&](int band) {
      const Range range = lane_range(extent.h, bands, band);
      f(range.begin, range.end);
    });
  }
  template <class F>
  void rows(const Extent& extent, F&& f) {
    cut(extent, [&](std::int64_t a, std::int64_t b) {
      for (std::int64_t y = a; y < b; ++y) f(y);
    });
  }

  // One band is the whole plane, in place; several hold copies.
  void make_bands(const Extent& extent) {
    const int count = bands_of(extent);
    const std::int64_t stride = extent.stride();
    bands_.assign(static_cast<std::size_t>(count), {});
    std::int64_t offset = 0;
    for (int b = 0; b < count; ++b) {
      Band<T>& band = bands_[static_cast<std::size_t>(b)];
      const Range own = lane_range(extent.h, count, b);
      band.first = own.begin;
      band.last = own.end;
      band.begin = std::max<std::int64_t>(own.begin - wave, 0);
      band.end = std::min(own.end + wave, extent.h);
      T** planes[] = {&band.u1, &band.u2, &band.p11, &band.p12, &band.p21, &band.p22};
      for (std::size_t i = 0; i < unknowns_.size(); ++i) *planes[i] = unknowns_[i] + offset;
      const std::int64_t held = band.end - band.begin;
      for (std::size_t i = 2; i < unknowns_.size(); ++i) {
        std::fill_n(*planes[i] - margin, held * stride + margin, T(0));
      }
      offset += held * stride;
    }
  }
  bool copies() const { return bands_.size() > 1; }

  void one_scale(std::size_t s) {
    const Extent& extent = extents_[s];
    cut(extent,
        [&](std::int64_t a, std::int64_t b) { sample_rows(extent, to_[s], samples_, a, b); });
    std::fill_n(ones_, extent.w, T(1));
    std::fill_n(ones_ + extent.w, extent.padded() - extent.w, T(0));
    make_bands(extent);
    for (int warp = 0; warp < p_.warps; ++warp) {
      cut(extent, [&](std::int64_t a, std::int64_t b) {
        warp_rows(extent, from_[s], samples_, u_[0], u_[1], warped_, a, b);
      });
      bool moving = true;
      for (int outer = 0; outer < p_.outer && moving; ++outer) {
        smooth(extent);
        moving = inner_iterations(extent);
      }
    }
  }

  void smooth(const Extent& extent) {
    if (p_.median == 1) return;
    const int bands = bands_of(extent);
    parallel_for(bands, [&](int band) {
      const Range range = lane_range(extent.h, bands, band);
      for (int c = 0; c < 2; ++c) {
        median_rows(p_.median, extent, range.begin, range.end, u_[c], other_[c],
                    columns_ + 5 * band * extent.stride());
      }
    });
    std::swap(u_, other_);
  }

  // Whether anything still moved at the end.
  bool inner_iterations(const Extent& extent) {
    const Step<T> step{static_cast<T>(p_.lambda * p_.theta), static_cast<T>(p_.theta),
                       static_cast<T>(p_.tau / p_.theta)};
    const double enough =
        p_.epsilon * p_.epsilon * static_cast<double>(extent.h) * static_cast<double>(extent.w);
    const auto count = static_cast<int>(bands_.size());
    if (!copies()) {
      bands_[0].u1 = u_[0];
      bands_[0].u2 = u_[1];
    } else {
      parallel_for(count,
                   [&](int b) { exchange_u(extent, bands_[static_cast<std::size_t>(b)], true); });
    }
    bool moving = true;
    for (int done = 0; done < p_.inner && moving;) {
      const int now = std::min(wave, p_.inner - done);
      if (copies()) parallel_for(count, [&](int b) { take_neighbours(extent, b); });
      parallel_for(count, [&](int b) {
        iterate(step, warped_, extent, bands_[static_cast<std::size_t>(b)], now, zero_, ones_,
                changes_);
      });
      done += now;
      double change = 0;
      for (std::int64_t y = 0; y < extent.h; ++y) change += changes_[y];
      moving = change > enough;
    }
    if (copies()) {
      parallel_for(count,
                   [&](int b) { exchange_u(extent, bands_[static_cast<std::size_t>(b)], false); });
    }
    return moving;
  }

  // Between u_ and a band's own rows.
  void exchange_u(const Extent& extent, const Band<T>& band, bool into_band) {
    const std::int64_t stride = extent.stride(), size = (band.last - band.first) * stride,
                       own = (band.first - band.begin) * stride;
    for (int c = 0; c < 2; ++c) {
      T *inside = (c == 0 ? band.u1 : band.u2) + own, *outside = u_[c] + band.first * stride;
      std::copy_n(into_band ? outside : inside, size, into_band ? inside : outside);
    }
  }

  void take_neighbours(const Extent& extent, int b) {
    const Band<T>& band = bands_[static_cast<std::size_t>(b)];
    const std::int64_t stride = extent.stride();
    const auto take = [&](const Band<T>& other, std::int64_t begin, std::int64_t end) {
      T* const mine[] = {band.u1, band.u2, band.p11, band.p12, band.p21, band.p22};
      const T* const theirs[] = {other.u1, other.u2, other.p11, other.p12, other.p21, other.p22};
      for (std::size_t i = 0; i < 6; ++i) {
        std::copy_n(theirs[i] + (begin - other.begin) * stride, (end - begin) * stride,
                    mine[i] + (begin - band.begin) * stride);
      }
    };
    if (band.begin < band.first)
      take(bands_[static_cast<std::size_t>(b - 1)], band.begin, band.first);
    if (band.last < band.end) take(bands_[static_cast<std::size_t>(b + 1)], band.last, band.end);
  }

  const TvL1& p_;
  std::vector<Extent> extents_;
  int most_bands_;
  std::vector<T*> from_, to_;  // by scale
  std::array<T*, 2> u_{}, other_{};
  Warped<T> warped_{};
  T *samples_ = nullptr, *zero_ = nullptr, *ones_ = nullptr, *columns_ = nullptr;
  std::array<T*, 6> unknowns_{};
  double* changes_ = nullptr;  // by row
  std::vector<Band<T>> bands_;
};

}  // namespace

void tv_l1_flow(const TvL1& parameters, const Tensor& from, const Tensor& to, const Tensor& flow) {
  with_float(from.dtype(), "tv_l1_flow", [&]<class T>() {
    const std::int64_t n = from.dim(0), size = from.dim(1) * from.dim(2);
    const Extent whole{from.dim(1), from.dim(2)};
    const auto one = [&](std::int64_t i, int bands) {
      Pair<T>(parameters, whole, bands)
          .run(from.data<T>() + i * size, to.data<T>() + i * size, flow.data<T>() + 2 * i * size);
    };
    // Whole pairs while they keep all threads busy, the others by bands.
    const int width = threads();
    const std::int64_t alone = n / width * width;
    parallel_for(static_cast<int>(alone), [&](int i) { one(i, 1); });
    for (std::int64_t i = alone; i < n; ++i) one(i, width);
  });
}

}  // namespace rn::ops::cpu
