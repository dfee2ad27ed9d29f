// 3x3 convolutions in f32 by themselves, on one core: oneDNN's direct ones and those that are
// taken, in turn. Prints a row for each shape: GFLOP/s as the direct way counts them, of the
// forward pass, the data's gradient and the weights', each direct and taken.
//   bench-conv [ROUNDS]
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "ops/cpu/conv_kernel.h"

using namespace rn;
using namespace rn::ops::cpu;

namespace {

using Values = std::vector<float>;

Values draw(std::int64_t count) {
  Rng rng(1, RngPurpose::test);
  Values values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(rng.uniform(-1, 1));
  return values;
}

// Median seconds of the direct kernel and of the one that is taken.
std::pair<double, double> seconds(ConvPass pass, const ConvGeometry& g, int images, int rounds) {
  const ConvKernel<float>* kernels[] = {&direct_kernel(pass, g, images),
                                        &conv_kernel<float>(pass, g, images)};
  const Values x = draw(images * g.input_size()), gradient = draw(images * g.output_size()),
               weights = draw(g.weights_size());
  Values to(std::max(x.size(), gradient.size()));
  std::vector<double> times[2];
  Values packed[2];
  for (int k = 0; k < 2; ++k) {
    packed[k].resize(static_cast<std::size_t>(kernels[k]->packed_size()));
    if (pass != ConvPass::backward_weights) kernels[k]->pack(weights.data(), packed[k].data());
  }
  for (int round = 0; round < rounds; ++round) {
    for (int k = 0; k < 2; ++k) {
      const auto start = std::chrono::steady_clock::now();
      if (pass == ConvPass::backward_weights) {
        kernels[k]->run_weights(images, x.data(), gradient.data(), packed[k].data());
      } else {
        const Values& from = pass == ConvPass::forward ? x : gradient;
        kernels[k]->run(images, from.data(), packed[k].data(), to.data());
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      times[k].push_back(took.count());
    }
  }
  for (auto& t : times) std::nth_element(t.begin(), t.begin() + rounds / 2, t.end());
  const auto middle = static_cast<std::size_t>(rounds / 2);
  return {times[0][middle], times[1][middle]};
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 61;
  struct Shape {
    std::int64_t side, channels;
    int images;
  };
  for (const Shape& s : {Shape{32, 16, 8}, Shape{16, 32, 8}, Shape{8, 56, 8}, Shape{8, 64, 8},
                         Shape{16, 40, 8}, Shape{28, 128, 4}, Shape{14, 256, 8}}) {
    const ConvGeometry g{s.side, s.side, s.channels, s.side, s.side, s.channels, 3, 3, 1, 1, 1, 1};
    const double work = 18e-9 * static_cast<double>(s.images * s.side * s.side) *
                        static_cast<double>(s.channels * s.channels);
    fmt::print("| {0}x{0}, {1} - {1}, {2}", s.side, s.channels, s.images);
    for (const ConvPass pass :
         {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights}) {
      const auto [direct, taken] = seconds(pass, g, s.images, rounds);
      fmt::print(" | {:.0f} | {:.0f}", work / direct, work / taken);
    }
    fmt::print(" |\n");
  }
}
