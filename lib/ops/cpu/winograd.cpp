#include "ops/cpu/winograd.h"

#include <map>
#include <mutex>
#include <tuple>

#include "base/error.h"
#include "ops/cpu/scratch.h"

namespace rn::ops::cpu {
namespace {

constexpr std::int64_t panel = winograd_panel;
// Pairs of channels: more transformed weights (64 bytes each) would not stay in any cache.
constexpr std::int64_t most_weights = 1 << 16;

const WinogradPasses* passes() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (winograd_avx512 && __builtin_cpu_supports("avx512f")) return winograd_avx512;
  if (winograd_avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return winograd_avx2;
  }
#endif
  return nullptr;
}

// Whole panels, or so many channels that little of the last one is in vain.
bool channels_fit(std::int64_t channels) {
  return channels % panel == 0 || (channels % winograd_granule == 0 && channels > 2 * panel);
}

// G w G^T, rounded once.
void transform_weights(const double w[3][3], float u[4][4]) {
  double a[4][3];
  for (int j = 0; j < 3; ++j) {
    a[0][j] = w[0][j];
    a[1][j] = 0.5 * (w[0][j] + w[1][j] + w[2][j]);
    a[2][j] = 0.5 * (w[0][j] - w[1][j] + w[2][j]);
    a[3][j] = w[2][j];
  }
  for (int i = 0; i < 4; ++i) {
    u[i][0] = static_cast<float>(a[i][0]);
    u[i][1] = static_cast<float>(0.5 * (a[i][0] + a[i][1] + a[i][2]));
    u[i][2] = static_cast<float>(0.5 * (a[i][0] - a[i][1] + a[i][2]));
    u[i][3] = static_cast<float>(a[i][2]);
  }
}

class WinogradKernel final : public ConvKernel<float> {
 public:
  WinogradKernel(const WinogradPasses& passes, ConvPass pass, const ConvGeometry& g, int tile,
                 Epilogue epilogue)
      : passes_(passes), pass_(pass), tile_(tile), epilogue_(epilogue) {
    const bool data = pass == ConvPass::backward_data;
    shape_ = {tile, g.h, g.w, data ? g.o : g.i, data ? g.i : g.o};
  }

  std::int64_t packed_size() const override {
    return (pass_ == ConvPass::backward_weights ? 9 : 16) * shape_.in * shape_.padded_out();
  }

  void pack(const float* ohwi, float* packed) const override {
    winograd_weights(shape_, pass_ == ConvPass::backward_data, ohwi, packed);
  }

  // Of [3][3][in][padded out].
  void unpack_add(const float* packed, float alpha, float* ohwi) const override {
    const std::int64_t in = shape_.in, out = shape_.padded_out();
    for (std::int64_t o = 0; o < shape_.out; ++o) {
      for (std::int64_t k = 0; k < 9; ++k) {
        for (std::int64_t i = 0; i < in; ++i) {
          ohwi[(o * 9 + k) * in + i] += alpha * packed[(k * in + i) * out + o];
        }
      }
    }
  }

  void run(int images, const float* from, const float* packed, float* to,
           const float* bias) const override {
    const WinogradShape s = of(images);
    passes_.convolve(s, from, packed, bias, epilogue_.sum, to, space());
  }

  void run_wide(int images, const float* from, const float* packed, float* to) const override {
    run(images, from, packed, to, nullptr);
  }

  void run_weights(int images, const float* x, const float* g, float* packed) const override {
    passes_.weights(of(images), x, g, packed, space());
  }

 private:
  WinogradShape of(int images) const {
    require(images >= 1 && images <= tile_, "conv tile of {} images, made for {}", images, tile_);
    WinogradShape s = shape_;
    s.images = images;
    return s;
  }
  float* space() const { return scratch<float>(Slot::winograd, passes_.space(shape_)); }

  const WinogradPasses& passes_;
  ConvPass pass_;
  int tile_;
  Epilogue epilogue_;
  WinogradShape shape_;
};

}  // namespace

void winograd_weights(const WinogradShape& s, bool turned, const float* weights, float* u) {
  const std::int64_t panels = s.padded_out() / panel;
  for (std::int64_t o = 0; o < s.padded_out(); ++o) {
    for (std::int64_t i = 0; i < s.in; ++i) {
      double w[3][3] = {};
      float places[4][4];
      for (std::int64_t k = 0; k < 9 && o < s.out; ++k) {
        w[k / 3][k % 3] =
            turned ? weights[(i * 9 + 8 - k) * s.out + o] : weights[(o * 9 + k) * s.in + i];
      }
      transform_weights(w, places);
      for (std::int64_t place = 0; place < 16; ++place) {
        u[((place * panels + o / panel) * s.in + i) * panel + o % panel] =
            places[place / 4][place % 4];
      }
    }
  }
}

const ConvKernel<float>* winograd_kernel(ConvPass pass, const ConvGeometry& g, int tile,
                                         Epilogue epilogue) {
  static const WinogradPasses* const best = passes();
  const bool fits = best && g.kh == 3 && g.kw == 3 && g.sh == 1 && g.sw == 1 && g.ph == 1 &&
                    g.pw == 1 && g.p == g.h && g.q == g.w && channels_fit(g.i) &&
                    channels_fit(g.o) && g.i * g.o <= most_weights;
  if (!fits) return nullptr;
  using Key = std::tuple<ConvPass, ConvGeometry, int, Epilogue>;
  static std::mutex mutex;
  static auto* cache = new std::map<Key, std::unique_ptr<WinogradKernel>>;
  std::lock_guard lock(mutex);
  std::unique_ptr<WinogradKernel>& kernel = (*cache)[{pass, g, tile, epilogue}];
  if (!kernel) kernel = std::make_unique<WinogradKernel>(*best, pass, g, tile, epilogue);
  return kernel.get();
}

}  // namespace rn::ops::cpu
