#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "device/ledger.h"
#include "study/paths_job.h"

namespace rn::study {
namespace {

// Bytes.
struct Cost {
  std::int64_t spectrum = 0, sample = 0;  // for each image
  std::int64_t base = 0;                  // that are there anyway
};

// What one image takes, by doing it: a pass of the shortest paths alone, and one sampled path.
Cost probe(const PathsJob& job) {
  Cost cost;
  const models::NetworkSpec& spec = job.model.file.spec;
  const models::Network& network = job.model.network;
  Ledger& ledger = Ledger::global();
  const Tensor image =
      Tensor::zeros({1, spec.height, spec.width, spec.channels}, network.dtype(), Tag::input);
  const Tensor label = Tensor::zeros({1}, Dtype::i32, Tag::input);
  const auto most = [&](auto&& body) {
    ledger.reset_peaks();
    const std::int64_t before = ledger.live(Tag::activation);
    body();
    return ledger.peak(Tag::activation) - before;
  };
  const auto element = static_cast<std::int64_t>(size_of(network.dtype()));
  if (job.result.options.spectrum) {
    SpectrumOptions shortest = job.result.options.exact;
    shortest.max_length = 0;
    std::int64_t stacks = 0;
    const std::int64_t all = most([&] {
      Spectrum spectrum(network, shortest);
      BatchSpectrum out = spectrum.begin(1);
      TensorPool pool(network.store().device());
      spectrum.run(image, label, pool, out);
      stacks = spectrum.elements(-1) * element;
    });
    cost.spectrum = all - stacks;
  }
  if (job.result.options.sample) {
    SampleOptions one = job.result.options.sampled;
    one.lengths = {0, spec.blocks.empty() ? 0 : 1};
    cost.sample = most([&] {
      TensorPool pool(network.store().device());
      PathSampler(network, one).run(image, label, 0, 1, pool);
    });
  }
  cost.base = ledger.live_total() - static_cast<std::int64_t>(image.bytes() + label.bytes());
  return cost;
}

}  // namespace

PathsPlan plan_paths(const PathsJob& job) {
  const Cost cost = probe(job);
  PathsPlan plan;
  const PathsOptions& o = job.result.options;
  const models::NetworkSpec& spec = job.model.file.spec;
  const auto element = static_cast<std::int64_t>(size_of(job.run.dtype));
  const std::int64_t input = 3 * spec.height * spec.width * spec.channels * element;
  const auto too_small = [&](std::int64_t need, const char* what) {
    fail(ErrorKind::usage, "--memory-limit: {} takes {} MiB", what, (need >> 20) + 1);
  };
  if (o.spectrum) {
    const std::int64_t batch = std::min(o.batch, job.result.images);
    const Spectrum spectrum(job.model.network, o.exact);
    const auto need = [&](std::int64_t images, std::int64_t slice) {
      return cost.base + batch * input +
             images * (cost.spectrum + spectrum.elements(slice) * element);
    };
    plan.images = batch;
    plan.lengths = job.result.lengths();
    if (!o.exact.batch_statistics) {
      while (plan.images > 1 && need(plan.images, -1) > job.run.memory_limit) {
        --plan.images;
      }
    }
    while (plan.lengths > 1 && need(plan.images, plan.lengths) > job.run.memory_limit) {
      --plan.lengths;
    }
    plan.bytes = need(plan.images, plan.lengths);
    if (plan.bytes > job.run.memory_limit) {
      too_small(plan.bytes,
                o.exact.batch_statistics ? "the smallest slice of a batch" : "one image");
    }
  }
  if (o.sample) {
    const std::int64_t batch = std::min(o.sampled.batch, job.result.sample_images);
    const auto need = [&](std::int64_t images) {
      return cost.base + batch * input + images * cost.sample;
    };
    std::int64_t images = batch;
    if (!o.sampled.batch_statistics) {
      while (images > 1 && need(images) > job.run.memory_limit) --images;
    }
    if (need(images) > job.run.memory_limit) {
      too_small(need(images), o.sampled.batch_statistics ? "a batch" : "one image");
    }
    plan.bytes = std::max(plan.bytes, need(images));
    plan.images = o.spectrum ? std::min(plan.images, images) : images;
  }
  return plan;
}

void tell_plan(const PathsJob& job, PathsOutcome& outcome) {
  const PathsResult& r = job.result;
  const SampleOptions& o = r.options.sampled;
  const models::NetworkSpec& spec = job.model.file.spec;
  const std::int64_t few = std::max<std::int64_t>(1, std::min<std::int64_t>(job.cost.images, 16));
  double seconds = 0;
  std::int64_t products = 0;
  if (r.options.spectrum || r.options.sample) {
    const Tensor images =
        Tensor::zeros({few, spec.height, spec.width, spec.channels}, job.run.dtype, Tag::input);
    const Tensor labels = Tensor::zeros({few}, Dtype::i32, Tag::input);
    SpectrumOptions shortest = r.options.exact;
    shortest.max_length = 0;
    shortest.blocks = false;
    Spectrum spectrum(job.model.network, shortest);
    const auto once = [&] {
      TensorPool pool(job.model.network.store().device());
      BatchSpectrum out = spectrum.begin(few);
      const auto start = std::chrono::steady_clock::now();
      spectrum.run(images, labels, pool, out);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      return took.count() / static_cast<double>(few);
    };
    once();
    const double product = once() / static_cast<double>(spectrum.products(-1) + r.n());
    if (r.options.spectrum) {
      products = Spectrum(job.model.network, r.options.exact).products(job.cost.lengths);
      seconds += product * static_cast<double>(products * r.images / r.shard.count);
    }
    if (r.options.sample) {
      seconds += product *
                 static_cast<double>(r.n() * o.trials / r.shard.count *
                                     std::min(o.batch, r.sample_images)) *
                 (1 + static_cast<double>(o.lengths.size()));
    }
  }
  outcome.plan =
      fmt::format("{}: {} blocks, paths of lengths 0 to {}\n", printable(r.arch), r.n(), r.n());
  if (r.options.spectrum) {
    outcome.plan += fmt::format(
        "would take the spectrum of {} images of {} {}, {} products of blocks an image, {} images "
        "and {} lengths at a time\n",
        r.images, r.data, r.split, products, job.cost.images, job.cost.lengths);
  }
  if (r.options.sample) {
    outcome.plan += fmt::format("would sample {} lengths, {} trials of {} images each of {} {}\n",
                                o.lengths.size(), o.trials, std::min(o.batch, r.sample_images),
                                r.data, r.sample_split);
  }
  outcome.plan +=
      fmt::format("about {:.0f} s, about {} MiB\n", seconds, (job.cost.bytes >> 20) + 1);
  outcome.json.add("dry_run", true)
      .add("blocks", r.n())
      .add("count", r.images)
      .add("products", products)
      .add("images_at_a_time", job.cost.images)
      .add("lengths_at_a_time", job.cost.lengths)
      .add("bytes", job.cost.bytes)
      .add("seconds", seconds);
}

}  // namespace rn::study
