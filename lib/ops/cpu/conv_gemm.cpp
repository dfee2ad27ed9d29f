// f64 tiles: im2col and dgemm. The correctness path: simple, never tuned.
#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "ops/cpu/conv_kernel.h"
#include "ops/cpu/scratch.h"
#include "ops/linalg.h"

namespace rn::ops::cpu {
namespace {

class GemmKernel final : public ConvKernel<double> {
 public:
  explicit GemmKernel(ConvPass pass, const ConvGeometry& geometry) : pass_(pass), g_(geometry) {}

  std::int64_t packed_size() const override { return g_.weights_size(); }

  void pack(const double* ohwi, double* packed) const override {
    std::copy_n(ohwi, g_.weights_size(), packed);
  }

  void unpack_add(const double* packed, double alpha, double* ohwi) const override {
    for (std::int64_t k = 0; k < g_.weights_size(); ++k) ohwi[k] += alpha * packed[k];
  }

  void run(int images, const double* from, const double* packed, double* to,
           const double*) const override {
    double* column = scratch<double>(Slot::column, pixels() * depth());
    for (int n = 0; n < images; ++n) {
      if (pass_ == ConvPass::forward) {
        im2col(from + n * g_.input_size(), column);
        gemm(false, true, pixels(), g_.o, depth(), 1.0, column, depth(), packed, depth(), 0.0,
             to + n * g_.output_size(), g_.o);
      } else {
        gemm(false, false, pixels(), depth(), g_.o, 1.0, from + n * g_.output_size(), g_.o, packed,
             depth(), 0.0, column, depth());
        col2im(column, to + n * g_.input_size());
      }
    }
  }

  void run_wide(int images, const double* from, const double* packed, double* to) const override {
    run(images, from, packed, to, nullptr);
  }

  void run_weights(int images, const double* x, const double* g, double* packed) const override {
    double* column = scratch<double>(Slot::column, pixels() * depth());
    for (int n = 0; n < images; ++n) {
      im2col(x + n * g_.input_size(), column);
      gemm(true, false, g_.o, depth(), pixels(), 1.0, g + n * g_.output_size(), g_.o, column,
           depth(), n == 0 ? 0.0 : 1.0, packed, depth());
    }
  }

 private:
  std::int64_t pixels() const { return g_.p * g_.q; }
  std::int64_t depth() const { return g_.kh * g_.kw * g_.i; }

  // Calls f(column, input) for every run of i channels; input is null where it is padding.
  template <class Column, class Input, class F>
  void each(Column* column, Input* x, F f) const {
    for (std::int64_t p = 0; p < g_.p; ++p) {
      for (std::int64_t q = 0; q < g_.q; ++q) {
        for (std::int64_t kh = 0; kh < g_.kh; ++kh) {
          for (std::int64_t kw = 0; kw < g_.kw; ++kw, column += g_.i) {
            const std::int64_t h = p * g_.sh + kh - g_.ph, w = q * g_.sw + kw - g_.pw;
            const bool inside = h >= 0 && h < g_.h && w >= 0 && w < g_.w;
            f(column, inside ? x + (h * g_.w + w) * g_.i : nullptr);
          }
        }
      }
    }
  }

  void im2col(const double* x, double* column) const {
    each(column, x, [this](double* to, const double* from) {
      if (from) {
        std::copy_n(from, g_.i, to);
      } else {
        std::fill_n(to, g_.i, 0.0);
      }
    });
  }

  void col2im(const double* column, double* x) const {
    std::fill_n(x, g_.input_size(), 0.0);
    each(column, x, [this](const double* from, double* to) {
      if (!to) return;
      for (std::int64_t c = 0; c < g_.i; ++c) to[c] += from[c];
    });
  }

  ConvPass pass_;
  ConvGeometry g_;
};

}  // namespace

template <>
const ConvKernel<double>& conv_kernel(ConvPass pass, const ConvGeometry& geometry, int, Epilogue) {
  using Key = std::tuple<ConvPass, ConvGeometry>;
  static std::mutex mutex;
  static auto* cache = new std::map<Key, std::unique_ptr<GemmKernel>>;
  std::lock_guard lock(mutex);
  std::unique_ptr<GemmKernel>& kernel = (*cache)[{pass, geometry}];
  if (!kernel) kernel = std::make_unique<GemmKernel>(pass, geometry);
  return *kernel;
}

}  // namespace rn::ops::cpu
