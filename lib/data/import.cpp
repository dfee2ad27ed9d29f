#include "data/import.h"

#include <algorithm>
#include <numeric>

#include "io/schema.h"

namespace rn::data {
namespace {

constexpr std::int64_t chunk_bytes = std::int64_t{1} << 20;

std::string short_list(const std::vector<double>& values) {
  std::string text;
  for (const double v : values) text += fmt::format("{}{:.4f}", text.empty() ? "" : " ", v);
  return text;
}

}  // namespace

void summarize(Summary& summary, const Source& source, Split split) {
  const Info& info = source.info();
  if (summary.splits.empty()) {
    summary.uri = info.uri;
    summary.height = info.height;
    summary.width = info.width;
    summary.channels = info.channels;
    summary.class_names = info.class_names;
  } else if (info.height != summary.height || info.width != summary.width ||
             info.channels != summary.channels || info.class_names != summary.class_names) {
    fail(ErrorKind::input, "{}: images or classes of '{}' differ from those of '{}'", info.uri,
         to_string(split), to_string(summary.splits[0].split));
  }
  SplitSummary here;
  here.split = split;
  here.digest = info.digest;
  here.count = info.count;
  here.per_class.assign(info.class_names.size(), 0);
  std::vector<std::uint8_t> image(
      static_cast<std::size_t>(info.height * info.width * info.channels));
  std::vector<double> point(image.size());
  for (std::int64_t i = 0; i < info.count; ++i) {
    const std::int32_t label = info.points ? source.read_point(i, point) : source.read(i, image);
    ++here.per_class[static_cast<std::size_t>(label)];
  }
  if (info.count > 0) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(info.count));
    std::iota(all.begin(), all.end(), 0);
    Normalization measured = measure_normalization(source, all, NormalizationKind::channel);
    here.mean = std::move(measured.mean);
    here.stddev = std::move(measured.stddev);
  }
  summary.splits.push_back(std::move(here));
}

std::int64_t bytes_of(const Summary& summary) {
  std::int64_t count = 0;
  for (const SplitSummary& split : summary.splits) count += split.count;
  return count * (summary.height * summary.width * summary.channels + 4);
}

std::string to_text(const Summary& summary) {
  std::string text = fmt::format("{}: {}x{}x{}, {} classes: {}\n", summary.uri, summary.height,
                                 summary.width, summary.channels, summary.class_names.size(),
                                 fmt::join(summary.class_names, ", "));
  for (const SplitSummary& split : summary.splits) {
    text += fmt::format("{:5}  {} images", to_string(split.split), split.count);
    if (split.count > 0) {
      const auto [least, most] =
          std::minmax_element(split.per_class.begin(), split.per_class.end());
      text += fmt::format(", {} to {} a class; mean {}; stddev {}", *least, *most,
                          short_list(split.mean), short_list(split.stddev));
    }
    text += '\n';
  }
  return text;
}

io::Json to_json(const Summary& summary) {
  io::Json json;
  json.add("uri", summary.uri)
      .add("height", summary.height)
      .add("width", summary.width)
      .add("channels", summary.channels)
      .add("classes", std::span<const std::string>(summary.class_names));
  for (const SplitSummary& split : summary.splits) {
    io::Json part;
    part.add("count", split.count)
        .add("per_class", std::span<const std::int64_t>(split.per_class))
        .add("mean", std::span<const double>(split.mean))
        .add("stddev", std::span<const double>(split.stddev))
        .add("sha256", split.digest);
    json.add(to_string(split.split), part);
  }
  return json;
}

namespace {

void write_points(io::H5& file, const Source& source, const std::string& at) {
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
}

}  // namespace

void write_split(io::H5& file, const Source& source, Split split) {
  const Info& info = source.info();
  const std::string at = to_string(split);
  const std::string images_at = at + "/" + io::schema::images;
  const std::int64_t size = info.height * info.width * info.channels;
  const std::int64_t step = std::max<std::int64_t>(1, chunk_bytes / size);
  if (info.count == 0) fail(ErrorKind::input, "{}: no images in '{}'", info.uri, at);
  if (info.points) return write_points(file, source, at);
  file.create_rows(images_at, {info.count, info.height, info.width, info.channels}, Dtype::u8,
                   step);
  Tensor labels({info.count}, Dtype::i32, Tag::input), rows;
  for (std::int64_t first = 0; first < info.count; first += step) {
    const std::int64_t n = std::min(step, info.count - first);
    rows.ensure({n, info.height, info.width, info.channels}, Dtype::u8, Tag::input);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto image = rows.span<std::uint8_t>().subspan(static_cast<std::size_t>(i * size),
                                                           static_cast<std::size_t>(size));
      labels.data<std::int32_t>()[first + i] = source.read(first + i, image);
    }
    file.write_rows(images_at, first, rows);
  }
  file.write(at + "/" + io::schema::labels, labels);
}

Imported import(const ImportOptions& options) {
  Imported result{{}, io::H5::create()};
  io::schema::mark(result.file, io::schema::Format::data);
  for (const Split split : source_splits(options.uri)) {
    const std::int64_t limit = split == Split::train  ? options.limits.train
                               : split == Split::test ? options.limits.test
                                                      : -1;
    const auto source = open_source(options.uri, split, limit);
    summarize(result.summary, *source, split);
    if (options.keep) write_split(result.file, *source, split);
  }
  if (options.keep) {
    result.file.write_column(io::schema::classes,
                             std::span<const std::string>(result.summary.class_names));
  }
  return result;
}

std::vector<io::Provenance::Input> inputs_of(const Summary& summary) {
  std::vector<io::Provenance::Input> inputs;
  for (const SplitSummary& split : summary.splits) {
    inputs.push_back({fmt::format("{} {}", summary.uri, to_string(split.split)), split.digest});
  }
  return inputs;
}

}  // namespace rn::data
