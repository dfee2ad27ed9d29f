#include "train/loader.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "base/parallel.h"
#include "io/json.h"
#include "train/session.h"

namespace rn::train {
namespace {

// Of all threads of this process.
double cpu_seconds() {
  std::timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace

LoaderReport measure_loader(TrainOptions options) {
  options.output = "/dev/null";
  options.checkpoint.clear();
  options.resume = options.keep_best = false;
  options.keep_last = 0;
  options.checkpoint_every.reset();
  options.max_seconds = 0;
  options.memory_limit = 0;
  const auto stop = options.stop;
  const Session s = prepare(std::move(options));
  const TrainOptions& o = s.options;
  LoaderReport report{.data = o.data};
  report.loaders = o.loaders > 0 ? o.loaders : s.train->costly() ? threads() : 1;
  data::Batcher batcher(*s.train, {.indices = s.subsets.train,
                                   .batch = o.batch,
                                   .shuffle = true,
                                   .augment = o.augment,
                                   .normalization = s.file.normalization,
                                   .dtype = o.dtype,
                                   .seed = o.seed,
                                   .loaders = o.loaders});
  const auto begin = std::chrono::steady_clock::now();
  const double worked = cpu_seconds();
  const std::int64_t most = std::min(s.total, s.per_epoch);
  while (report.batches < most && !(stop && !stop().empty())) {
    report.images += batcher.next()->images.dim(0);
    ++report.batches;
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  report.cpu_seconds = cpu_seconds() - worked;
  return report;
}

std::string LoaderReport::text() const {
  return fmt::format(
      "{}: {} images in {} batches, {:.2f} s: {:.0f} img/s with {} loader{}, {:.2f} CPUs busy",
      data, images, batches, seconds, static_cast<double>(images) / seconds, loaders,
      loaders == 1 ? "" : "s", cpu_seconds / seconds);
}

std::string LoaderReport::json() const {
  return io::Json()
      .add("data", data)
      .add("images", images)
      .add("batches", batches)
      .add("loaders", loaders)
      .add("seconds", seconds)
      .add("cpu_seconds", cpu_seconds)
      .add("images_per_second", static_cast<double>(images) / seconds)
      .str();
}

}  // namespace rn::train
