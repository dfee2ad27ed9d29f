// Times the gradient by path length at the images of one network against its ordinary backward pass
// (data and weights, frozen statistics), in turn on the same random batch:
//   bench-paths [ARCH [BATCH [ROUNDS [THREADS]]]]
// prints one JSON object: medians in seconds, their ratio, and how many branches' products the
// spectrum takes.
#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/parallel.h"
#include "base/rng.h"
#include "models/catalog.h"
#include "study/spectrum.h"

using namespace rn;

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(const std::string& arch, std::int64_t batch, int rounds) {
  const models::NetworkSpec spec = models::make_arch(arch);
  // Two networks with the same values: gradients of parameters belong to the ordinary pass only.
  models::Network ordinary(spec, Dtype::f32), studied(spec, Dtype::f32);
  ordinary.initialize(1);
  studied.initialize(1);
  ordinary.store().require_gradients();
  Tensor images({batch, spec.height, spec.width, spec.channels}, Dtype::f32, Tag::input);
  Rng rng(1, RngPurpose::test);
  for (float& x : images.span<float>()) x = static_cast<float>(rng.normal());
  Tensor labels({batch}, Dtype::i32, Tag::input);
  for (std::int32_t& label : labels.span<std::int32_t>()) {
    label = static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(spec.classes)));
  }
  TensorPool pool;
  models::Saved saved;
  const nn::Pass pass{.pool = pool, .keep = true};
  study::Spectrum spectrum(studied, {});
  std::vector<double> forwards, backwards, spectra, ratios;
  for (int round = -1; round < rounds; ++round) {  // the first one warms up
    const double start = seconds();
    const Tensor logits = ordinary.forward(images, pass, saved);
    const Tensor d_logits = logits.clone();
    const double between = seconds();
    constexpr int repeat = 3;
    for (int i = 0; i < repeat; ++i) ordinary.backward(d_logits, pass, saved);
    const double middle = seconds();
    saved.release();
    const double begin = seconds();
    study::BatchSpectrum out = spectrum.begin(batch);
    spectrum.run(images, labels, pool, out);
    const double end = seconds();
    if (round < 0) continue;
    const double forward = between - start, backward = (middle - between) / repeat;
    forwards.push_back(forward);
    backwards.push_back(backward);
    spectra.push_back(end - begin - forward);
    ratios.push_back((end - begin - forward) / backward);
  }
  const auto n = static_cast<std::int64_t>(spec.blocks.size());
  fmt::print(
      "{{\"arch\": \"{}\", \"batch\": {}, \"threads\": {}, \"forward_seconds\": {:.4f}, "
      "\"backward_seconds\": {:.4f}, \"spectrum_seconds\": {:.4f}, \"ratio\": {:.2f}, "
      "\"branch_products\": {}}}\n",
      arch, batch, threads(), median(forwards), median(backwards), median(spectra), median(ratios),
      n * (n + 1) / 2);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    set_threads(argc > 4 ? std::atoi(argv[4]) : 0);
    run(argc > 1 ? argv[1] : "preresnet110-cifar", argc > 2 ? std::atoi(argv[2]) : 32,
        argc > 3 ? std::atoi(argv[3]) : 5);
  } catch (const Error& error) {
    fmt::print(stderr, "bench-paths: {}\n", error.what());
    return exit_code(error.kind());
  }
}
