#include "data/import.h"

#include <algorithm>
#include <numeric>

#include "base/parallel.h"
#include "data/h5_set.h"
#include "data/workers.h"
#include "io/schema.h"

namespace rn::data {
namespace {

constexpr std::int64_t step_bytes = std::int64_t{1} << 22;  // of images that are read at once

std::size_t image_bytes(const Info& info) {
  return static_cast<std::size_t>(info.height * info.width * info.channels);
}

// Samples in their order, some at a time, by several threads where that pays.
class Pass {
 public:
  explicit Pass(const Source& source)
      : source_(source),
        count_(source.info().count),
        workers_(source.costly() ? threads() : 1),
        step_(std::max<std::int64_t>(
            8 * workers_.count(),
            step_bytes / static_cast<std::int64_t>(image_bytes(source.info())))) {}

  int workers() const { return workers_.count(); }
  std::int64_t step() const { return step_; }

  // Calls read(worker, first, i) for sample first + i of each step, then done(first, n).
  template <class Read, class Done>
  void run(Progress& progress, const std::string& what, Read&& read, Done&& done) {
    progress.begin({.what = what, .total = count_});
    for (std::int64_t first = 0; first < count_; first += step_) {
      const std::int64_t n = std::min(step_, count_ - first);
      if (source_.costly()) {
        for (std::int64_t i = first + n; i < std::min(first + 2 * step_, count_); ++i) {
          source_.announce(i);
        }
      }
      workers_.run(n, [&](int worker, std::int64_t i) { read(worker, first, i); });
      done(first, n);
      progress.advance(first + n);
    }
    progress.end();
  }

 private:
  const Source& source_;
  std::int64_t count_;
  Workers workers_;
  std::int64_t step_;
};

std::vector<std::int64_t> per_class(const Source& source, std::span<const std::int32_t> labels) {
  std::vector<std::int64_t> counts(source.info().class_names.size(), 0);
  for (const std::int32_t label : labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

// Reads everything, so that what cannot be read shows.
std::vector<std::int64_t> look(const Source& source, const std::string& what, Progress& progress) {
  Pass pass(source);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(source.info().count));
  const auto each = static_cast<std::size_t>(pass.workers());
  std::vector<std::vector<std::uint8_t>> images(
      each, std::vector<std::uint8_t>(image_bytes(source.info())));
  std::vector<std::vector<double>> points(
      each, std::vector<double>(static_cast<std::size_t>(source.info().channels)));
  pass.run(
      progress, what,
      [&](int worker, std::int64_t first, std::int64_t i) {
        const auto at = static_cast<std::size_t>(worker);
        labels[static_cast<std::size_t>(first + i)] = source.info().points
                                                          ? source.read_point(first + i, points[at])
                                                          : source.read(first + i, images[at]);
      },
      [](std::int64_t, std::int64_t) {});
  return per_class(source, labels);
}

std::vector<std::int64_t> write_points(io::H5& file, const Source& source, const std::string& at) {
  const Info& info = source.info();
  const Tensor points({info.count, 1, 1, info.channels}, Dtype::f64, Tag::input);
  const Tensor labels({info.count}, Dtype::i32, Tag::input);
  for (std::int64_t i = 0; i < info.count; ++i) {
    const auto size = static_cast<std::size_t>(info.channels);
    labels.data<std::int32_t>()[i] = source.read_point(
        i, points.span<double>().subspan(static_cast<std::size_t>(i) * size, size));
  }
  file.write(at + "/" + io::schema::images, points);
  file.write(at + "/" + io::schema::labels, labels);
  return per_class(source, labels.span<std::int32_t>());
}

std::vector<std::int64_t> write_images(io::H5& file, const Source& source, const std::string& at,
                                       Progress& progress) {
  const Info& info = source.info();
  const std::string images_at = at + "/" + io::schema::images;
  const std::size_t size = image_bytes(info);
  Pass pass(source);
  // In one piece: where an image lies is then known without asking libhdf5.
  file.create_rows(images_at, {info.count, info.height, info.width, info.channels}, Dtype::u8, 0);
  const Tensor labels({info.count}, Dtype::i32, Tag::input);
  const Tensor digests({info.count, static_cast<std::int64_t>(digest_bytes)}, Dtype::u8,
                       Tag::input);
  Tensor rows({std::min(pass.step(), info.count), info.height, info.width, info.channels},
              Dtype::u8, Tag::input);
  pass.run(
      progress, at,
      [&](int, std::int64_t first, std::int64_t i) {
        const auto image =
            rows.span<std::uint8_t>().subspan(static_cast<std::size_t>(i) * size, size);
        const std::int32_t label = source.read(first + i, image);
        labels.data<std::int32_t>()[first + i] = label;
        digest_image(image, label,
                     digests.span<std::uint8_t>().subspan(
                         static_cast<std::size_t>(first + i) * digest_bytes, digest_bytes));
      },
      [&](std::int64_t first, std::int64_t n) {
        if (n < rows.dim(0)) {  // the last
          Tensor rest({n, info.height, info.width, info.channels}, Dtype::u8, Tag::input);
          std::copy_n(rows.data<std::uint8_t>(), rest.size(), rest.data<std::uint8_t>());
          file.write_rows(images_at, first, rest);
        } else {
          file.write_rows(images_at, first, rows);
        }
      });
  file.write(at + "/" + io::schema::labels, labels);
  file.write(at + "/" + io::schema::digests, digests);
  return per_class(source, labels.span<std::int32_t>());
}

}  // namespace

PartSource::PartSource(const Source& whole, const Shard& shard) : whole_(whole) {
  info_ = whole.info();
  // floor(k N / n) without overflow, for the ends of shard k.
  const auto begin = [&](std::int64_t k) {
    return info_.count / shard.count * k + info_.count % shard.count * k / shard.count;
  };
  first_ = begin(shard.index);
  info_.count = begin(shard.index + 1) - first_;
}

std::int32_t PartSource::read(std::int64_t index, std::span<std::uint8_t> image) const {
  require(index >= 0 && index < info_.count, "{}: sample {} of a part of {}", info_.uri, index,
          info_.count);
  return whole_.read(first_ + index, image);
}

std::int32_t PartSource::read_point(std::int64_t index, std::span<double> point) const {
  require(index >= 0 && index < info_.count, "{}: point {} of a part of {}", info_.uri, index,
          info_.count);
  return whole_.read_point(first_ + index, point);
}

std::vector<std::int64_t> write_split(io::H5& file, const Source& source, Split split,
                                      Progress& progress) {
  const std::string at = to_string(split);
  return source.info().points ? write_points(file, source, at)
                              : write_images(file, source, at, progress);
}

namespace {

void check_alike(const Summary& summary, const Info& info, Split split) {
  if (info.height != summary.height || info.width != summary.width ||
      info.channels != summary.channels || info.class_names != summary.class_names) {
    fail(ErrorKind::input, "{}: images or classes of '{}' differ from those of '{}'", info.uri,
         to_string(split), to_string(summary.splits[0].split));
  }
}

void mark_shard(io::H5& file, const SplitSummary& split, const Shard& shard) {
  const std::string at = to_string(split.split);
  file.set(at, io::schema::shard_attribute, shard.index);
  file.set(at, io::schema::shards_attribute, shard.count);
  file.set(at, io::schema::first_attribute, split.first);
  file.set(at, io::schema::total_attribute, split.total);
  file.set(at, io::schema::source_attribute, split.digest);
}

// One split: looked at, and kept if asked to.
SplitSummary take(const Source& whole, Split split, const ImportOptions& options, io::H5& file,
                  Progress& progress) {
  const PartSource part(whole, options.shard);
  const Info& info = part.info();
  if (whole.info().count == 0) {
    fail(ErrorKind::input, "{}: no images in '{}'", info.uri, to_string(split));
  }
  SplitSummary here;
  here.split = split;
  here.digest = info.digest;
  here.count = info.count;
  here.first = part.first();
  here.total = whole.info().count;
  here.per_class = options.keep ? write_split(file, part, split, progress)
                                : look(part, to_string(split), progress);
  if (info.count > 0) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(info.count));
    std::iota(all.begin(), all.end(), 0);
    Normalization measured = measure_normalization(part, all, NormalizationKind::channel);
    here.mean = std::move(measured.mean);
    here.stddev = std::move(measured.stddev);
  }
  if (options.keep && options.shard.count > 1) mark_shard(file, here, options.shard);
  return here;
}

}  // namespace

Imported import(const ImportOptions& options) {
  NoProgress silent;
  Progress& progress = options.progress ? *options.progress : silent;
  Imported result{{}, io::H5::create()};
  Summary& summary = result.summary;
  summary.shard = options.shard;
  io::schema::mark(result.file, io::schema::Format::data);
  for (const Split split : source_splits(options.uri)) {
    const std::int64_t limit = split == Split::train  ? options.limits.train
                               : split == Split::test ? options.limits.test
                                                      : -1;
    const auto source = open_serial_source(options.uri, split, limit);
    const Info& info = source->info();
    if (summary.splits.empty()) {
      summary.uri = info.uri;
      summary.height = info.height;
      summary.width = info.width;
      summary.channels = info.channels;
      summary.class_names = info.class_names;
    }
    check_alike(summary, info, split);
    summary.splits.push_back(take(*source, split, options, result.file, progress));
  }
  if (options.keep) {
    result.file.write_column(io::schema::classes,
                             std::span<const std::string>(summary.class_names));
  }
  return result;
}

}  // namespace rn::data
