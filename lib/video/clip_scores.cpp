#include "video/clip_scores.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

#include "base/error.h"
#include "ops/loss.h"
#include "train/tally.h"

namespace rn::video {
namespace {

// (a + b) / 2; either may be undefined.
Tensor mean_of(const Tensor& a, const Tensor& b) {
  if (!a || !b) return a ? a : b;
  const Tensor out(a.shape(), a.dtype(), Tag::workspace);
  with_float(a.dtype(), "score_clips", [&]<class T>() {
    for (std::int64_t i = 0; i < a.size(); ++i) {
      out.data<T>()[i] = (a.data<T>()[i] + b.data<T>()[i]) / 2;
    }
  });
  return out;
}

// Batches of clips of one size, in the order in which the sizes come.
std::vector<std::vector<std::int64_t>> group(const ClipStore& store,
                                             const std::vector<std::int64_t>& clips,
                                             std::int64_t batch) {
  std::vector<std::vector<std::int64_t>> groups;
  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> open;  // by size
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const auto& clip = store.clips().at(static_cast<std::size_t>(clips[i]));
    const std::pair size{clip.height, clip.width};
    const auto found = open.find(size);
    if (found == open.end() || groups[found->second].size() == static_cast<std::size_t>(batch)) {
      open[size] = groups.size();
      groups.emplace_back();
    }
    groups[open[size]].push_back(static_cast<std::int64_t>(i));
  }
  return groups;
}

// Scores of all clips of one kind (a stream, both), [clips, K].
class Table {
 public:
  Table(std::int64_t clips, std::int64_t classes, Dtype dtype)
      : scores_({clips, classes}, dtype, Tag::workspace) {}
  void put(std::int64_t row, const Tensor& scores, std::int64_t from) const {
    scores_.slice(row, row + 1).copy_from(scores.slice(from, from + 1));
  }
  train::Evaluation evaluate(const ClipStore& store, const std::vector<std::int64_t>& clips,
                             const std::vector<bool>& done, const ScoreOptions& options) const {
    train::Evaluation result;
    const std::int64_t classes = scores_.dim(1);
    result.top_k = static_cast<int>(std::min<std::int64_t>(5, classes));
    train::Tally tally(result, classes, options.keep_samples);
    const Tensor label({1}, Dtype::i32, Tag::workspace), loss({1}, Dtype::f64, Tag::workspace);
    for (std::size_t i = 0; i < clips.size(); ++i) {
      if (!done[i]) continue;
      const auto row = static_cast<std::int64_t>(i);
      const Tensor scores = scores_.slice(row, row + 1);
      label.data<std::int32_t>()[0] = store.clips()[static_cast<std::size_t>(clips[i])].named.label;
      ops::softmax_cross_entropy({}, scores, label, loss, {});
      tally.add(std::span(&clips[i], 1), label, scores, loss);
    }
    tally.finish();
    return result;
  }

 private:
  Tensor scores_;
};

}  // namespace

Tensor clip_means(const Tensor& logits, std::int64_t clips) {
  require(logits.rank() == 2 && clips > 0 && logits.dim(0) % clips == 0,
          "clip_means: {} of {} clips", logits, clips);
  const Tensor host = logits.on(cpu);
  const std::int64_t outputs = host.dim(0) / clips, classes = host.dim(1);
  const Tensor means({clips, classes}, host.dtype(), Tag::workspace);
  with_float(host.dtype(), "clip_means", [&]<class T>() {
    for (std::int64_t n = 0; n < clips; ++n) {
      for (std::int64_t k = 0; k < classes; ++k) {
        double sum = 0;
        for (std::int64_t o = 0; o < outputs; ++o) {
          sum += host.data<T>()[(n * outputs + o) * classes + k];
        }
        means.data<T>()[n * classes + k] = static_cast<T>(sum / static_cast<double>(outputs));
      }
    }
  });
  return means;
}

Tensor clip_means_backward(const Tensor& d_means, std::int64_t outputs) {
  const std::int64_t clips = d_means.dim(0), classes = d_means.dim(1);
  const Tensor d_logits({clips * outputs, classes}, d_means.dtype(), Tag::workspace);
  with_float(d_means.dtype(), "clip_means_backward", [&]<class T>() {
    for (std::int64_t row = 0; row < clips * outputs; ++row) {
      for (std::int64_t k = 0; k < classes; ++k) {
        d_logits.data<T>()[row * classes + k] =
            d_means.data<T>()[row / outputs * classes + k] / static_cast<T>(outputs);
      }
    }
  });
  return d_logits;
}

ClipScores score_clips(const models::StNetwork& network, const ClipStore& store,
                       const ChunkReader& reader, const ScoreOptions& options) {
  std::vector<std::int64_t> clips = options.clips;
  if (clips.empty()) {
    clips.resize(static_cast<std::size_t>(store.count()));
    std::iota(clips.begin(), clips.end(), std::int64_t{0});
  }
  network.outputs(options.frames);  // too few are an error now
  const std::int64_t classes = network.spec().classes();
  for (const std::int64_t clip : clips) {
    require(store.clips().at(static_cast<std::size_t>(clip)).named.label < classes,
            "score_clips: class {} of {}",
            store.clips()[static_cast<std::size_t>(clip)].named.label, classes);
  }
  const auto groups = group(store, clips, std::max<std::int64_t>(1, options.batch));
  const std::int64_t views = options.flip ? 2 : 1;
  ChunkBatcherOptions batches;
  batches.frames = network.appearance() != nullptr;
  batches.flow = network.motion() != nullptr;
  batches.flow_stack = static_cast<int>(network.spec().flow_stack());
  batches.dtype = network.dtype();
  batches.loaders = options.loaders;
  batches.jobs = [&](std::int64_t number) {
    std::vector<ChunkJob> jobs;
    const auto at = static_cast<std::size_t>(number / views);
    if (at >= groups.size()) return jobs;
    for (const std::int64_t row : groups[at]) {
      const std::int64_t index = clips[static_cast<std::size_t>(row)];
      const auto& clip = store.clips()[static_cast<std::size_t>(index)];
      jobs.push_back({index, whole_chunk(options.frames, clip.frames, clip.height, clip.width,
                                         number % views == 1)});
    }
    return jobs;
  };

  const auto total = static_cast<std::int64_t>(clips.size());
  const Dtype dtype = network.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32;
  const Table both(total, classes, dtype), first(total, classes, dtype),
      second(total, classes, dtype);
  std::vector<bool> done(clips.size());
  NoProgress quiet;
  Progress& progress = options.progress ? *options.progress : quiet;
  TensorPool own(network.store().device());
  const nn::Pass pass{options.pool ? *options.pool : own};
  models::StSaved saved;
  const auto start = std::chrono::steady_clock::now();
  progress.begin({.what = options.what, .total = total, .item = "clips"});
  std::int64_t counted = 0;
  bool complete = true;
  Tensor appearance, motion;
  {
    ChunkBatcher batcher(store, reader, std::move(batches));
    for (;;) {
      if (options.should_stop && options.should_stop()) {
        complete = counted == total;
        break;
      }
      const ChunkBatch* batch = batcher.next();
      if (!batch) break;
      const auto n = static_cast<std::int64_t>(batch->clips.size());
      const models::StLogits logits = network.forward({batch->frames, batch->flow, n}, pass, saved);
      const auto means = [&](const Tensor& of) { return of ? clip_means(of, n) : Tensor(); };
      if (batch->number % views == 0) {
        appearance = means(logits.appearance);
        motion = means(logits.motion);
      } else {
        appearance = mean_of(appearance, means(logits.appearance));
        motion = mean_of(motion, means(logits.motion));
      }
      if (batch->number % views != views - 1) continue;
      const Tensor fused = mean_of(appearance, motion);
      const auto& rows = groups[static_cast<std::size_t>(batch->number / views)];
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto from = static_cast<std::int64_t>(i);
        both.put(rows[i], fused, from);
        if (appearance) first.put(rows[i], appearance, from);
        if (motion) second.put(rows[i], motion, from);
        done[static_cast<std::size_t>(rows[i])] = true;
      }
      counted += n;
      progress.advance(counted);
    }
  }
  progress.end();
  ClipScores scores{.fused = both.evaluate(store, clips, done, options)};
  if (network.appearance() && network.motion()) {
    scores.appearance = first.evaluate(store, clips, done, options);
    scores.motion = second.evaluate(store, clips, done, options);
  }
  scores.fused.complete = complete;
  scores.fused.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return scores;
}

}  // namespace rn::video
