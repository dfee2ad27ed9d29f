// Times training steps and evaluation of one network on random images, without data and files:
//   bench-train [ARCH [BATCH [STEPS [THREADS [fp32|bf16 [DEVICE]]]]]]
// prints one JSON object: medians over the steps, in images per second. Images and labels are where
// the network is. tests/bench/bench.py and share/check-gpu.sh run it beside PyTorch.
#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/parallel.h"
#include "base/rng.h"
#include "device/graph.h"
#include "models/catalog.h"
#include "models/network.h"
#include "ops/loss.h"
#include "ops/optimizer.h"
#include "train/model_file.h"

using namespace rn;

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(const std::string& arch, std::int64_t batch, int steps, Dtype dtype, Device device) {
  models::Network network(models::make_arch(arch), dtype, device);
  network.initialize(1);
  network.store().require_gradients();
  std::vector<ops::SgdParameter> parameters;
  for (const auto& p : network.store().parameters()) {
    const Tensor slot = Tensor::zeros(p->value.shape(), Dtype::f32, Tag::optimizer, device);
    parameters.push_back({p->value, p->gradient, slot, 1, 1e-4});
  }
  const models::NetworkSpec& spec = network.spec();
  Tensor images({batch, spec.height, spec.width, spec.channels}, Dtype::f32, Tag::input);
  Rng rng(1, RngPurpose::test);
  for (float& x : images.span<float>()) x = static_cast<float>(rng.normal());
  images = images.cast(dtype, Tag::input).on(device);
  Tensor labels({batch}, Dtype::i32, Tag::input);
  for (std::int32_t& label : labels.span<std::int32_t>()) {
    label = static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(spec.classes)));
  }
  labels = labels.on(device);
  const Tensor losses({batch}, Dtype::f64, Tag::workspace, device);
  const Tensor d_logits({batch, spec.classes}, Dtype::f32, Tag::workspace, device);

  Tensor flags({1}, Dtype::i32, Tag::workspace);
  flags.data<std::int32_t>()[0] = ops::unflagged;
  flags = flags.on(device);

  TensorPool pool(device);
  models::Saved saved, eval_saved;
  Stream& stream = default_stream(device);
  const nn::Pass training{.pool = pool, .batch_statistics = true, .keep = true}, evaluation{pool};
  std::vector<double> train, eval;
  const auto train_step = [&] {
    network.store().zero_gradients();
    const Tensor logits = network.forward(images, training, saved);
    ops::softmax_cross_entropy({0, 1.0 / static_cast<double>(batch)}, logits, labels, losses,
                               d_logits, stream);
    network.backward(d_logits, training, saved);
    network.commit(saved);
    const ops::Sgd sgd{.lr = 0.1, .momentum = 0.9};
    if (device.is_cpu()) {
      ops::sgd_step(sgd, parameters);
    } else {
      ops::sgd_step(sgd, parameters, flags, stream);
    }
  };
  const auto evaluate = [&] { network.forward(images, evaluation, eval_saved); };
  Graph train_graph, eval_graph;
  for (int step = -3; step < steps; ++step) {  // the first ones warm up
    if (step == -1 && !device.is_cpu()) {
      train_graph = Graph(stream, train_step);
      eval_graph = Graph(stream, evaluate);
    }
    const double start = seconds();
    train_graph ? train_graph.run(stream) : train_step();
    stream.synchronize();
    const double trained = seconds();
    eval_graph ? eval_graph.run(stream) : evaluate();
    stream.synchronize();
    if (step < 0) continue;
    train.push_back(trained - start);
    eval.push_back(seconds() - trained);
  }
  const double n = static_cast<double>(batch);
  fmt::print(
      "{{\"arch\": \"{}\", \"precision\": \"{}\", \"batch\": {}, \"threads\": {}, "
      "\"device\": \"{}\", \"train_images_per_second\": {:.1f}, "
      "\"eval_images_per_second\": {:.1f}, \"peak_bytes\": {}}}\n",
      arch, train::precision_name(dtype), batch, threads(), to_string(device), n / median(train),
      n / median(eval), Ledger::global().peak_total());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    set_threads(argc > 4 ? std::atoi(argv[4]) : 0);
    run(argc > 1 ? argv[1] : "resnet20-cifar", argc > 2 ? std::atoi(argv[2]) : 128,
        argc > 3 ? std::atoi(argv[3]) : 10, train::parse_precision(argc > 5 ? argv[5] : "fp32"),
        parse_device(argc > 6 ? argv[6] : "cpu"));
  } catch (const Error& error) {
    fmt::print(stderr, "bench-train: {}\n", error.what());
    return exit_code(error.kind());
  }
}
