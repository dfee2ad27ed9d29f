// bench-flow FILE PICTURES HEIGHT WIDTH THREADS: seconds a field of TV-L1, from grey pictures of
// bytes. What tests/interop/flow.py puts beside OpenCV.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/parallel.h"
#include "io/file.h"
#include "ops/flow.h"

int main(int argc, char** argv) {
  using namespace rn;
  if (argc != 6) return 2;
  try {
    const std::int64_t n = std::atol(argv[2]), h = std::atol(argv[3]), w = std::atol(argv[4]);
    set_threads(std::atoi(argv[5]));
    const io::Bytes bytes = io::read_file(argv[1]);
    const Tensor pictures({n, h, w}, Dtype::f32, Tag::input),
        flow({n - 1, h, w, 2}, Dtype::f32, Tag::activation);
    if (static_cast<std::int64_t>(bytes.size()) != pictures.size()) return 2;
    std::transform(bytes.begin(), bytes.end(), pictures.data<float>(),
                   [](std::byte b) { return static_cast<float>(b); });
    double best = 1e9;
    for (int round = 0; round < 2; ++round) {
      const auto start = std::chrono::steady_clock::now();
      ops::tv_l1_flow({}, pictures.slice(0, n - 1), pictures.slice(1, n), flow);
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      best = std::min(best, spent.count());
    }
    fmt::print("{}\n", best / static_cast<double>(n - 1));
  } catch (const Error& error) {
    fmt::print(stderr, "bench-flow: {}\n", error.what());
    return exit_code(error.kind());
  }
}
