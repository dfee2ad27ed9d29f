// Data sets in our own HDF5 layout (docs/man/resnet-h5.5, DATA FILES).
#include <cmath>

#include "data/kinds.h"
#include "data/points.h"
#include "io/file.h"
#include "io/schema.h"

namespace rn::data {
namespace {

namespace schema = io::schema;
constexpr std::int64_t most_bytes = std::int64_t{1} << 32;  // images are read into memory

}  // namespace

std::vector<Split> splits_of_h5(const std::string& where) {
  const io::H5 file = schema::open(where, schema::Format::data);
  std::vector<Split> splits;
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (file.has(to_string(split))) splits.push_back(split);
  }
  return splits;
}

std::unique_ptr<Source> open_h5(const Request& request) {
  const io::H5 file = schema::open(request.where, schema::Format::data);
  const std::string split = to_string(request.split);
  const std::string images_at = split + "/" + schema::images,
                    labels_at = split + "/" + schema::labels;
  const auto wrong = [&](const std::string& what) {
    fail(ErrorKind::input, "{}: {}", file.name(), what);
  };
  if (!file.has(split)) {
    wrong(fmt::format("has no '{}' split; it has {}", split, fmt::join(file.list("/"), ", ")));
  }
  const Shape shape = file.shape(images_at);
  const bool points =
      file.dtype(images_at) == Dtype::f64 && shape.size() == 4 && shape[1] == 1 && shape[2] == 1;
  if (shape.size() != 4 || (file.dtype(images_at) != Dtype::u8 && !points)) {
    wrong(fmt::format("'{}' is {} {}, neither uint8 [N, H, W, C] nor points, float64 [N, 1, 1, C]",
                      images_at, to_string(file.dtype(images_at)), rn::to_string(shape)));
  }
  for (const std::int64_t extent : {shape[1], shape[2], shape[3]}) {
    if (extent < 1 || extent > 65536) {
      wrong(fmt::format("'{}' is {}: no images", images_at, rn::to_string(shape)));
    }
  }
  Info info{.uri = request.uri, .height = shape[1], .width = shape[2], .channels = shape[3]};
  info.class_names = file.read_strings(schema::classes);
  const std::vector<std::int64_t> stored = file.read_ints(labels_at);
  if (static_cast<std::int64_t>(stored.size()) != shape[0]) {
    wrong(fmt::format("{} images, but {} labels", shape[0], stored.size()));
  }
  const std::int64_t count = request.keep(shape[0]);
  std::vector<std::int32_t> labels;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    if (stored[i] < 0 || stored[i] >= info.classes()) {
      wrong(fmt::format("'{}' number {} is {}, but there are {} classes", labels_at, i, stored[i],
                        info.classes()));
    }
    labels.push_back(static_cast<std::int32_t>(stored[i]));
  }
  // The file is in memory already, so what it claims to hold has been checked against its size.
  const std::int64_t bytes = element_count({count, shape[1], shape[2], shape[3]});
  if (bytes > most_bytes) {
    wrong(
        fmt::format("'{}' has {} bytes of images; {} fit in memory here (--limit-train takes the "
                    "first)",
                    images_at, bytes, most_bytes));
  }
  if (points) {
    const Tensor all = file.read(images_at, Tag::input, most_bytes);
    const auto values = all.span<double>();
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(count * shape[3]);
    if (std::any_of(values.begin(), end, [](double x) { return !std::isfinite(x); })) {
      wrong(fmt::format("'{}' holds numbers that are not finite", images_at));
    }
    return std::make_unique<PointSource>(std::move(info), std::vector<double>(values.begin(), end),
                                         std::move(labels));
  }
  std::vector<std::uint8_t> images(static_cast<std::size_t>(bytes));
  const std::int64_t image = info.height * info.width * info.channels;
  const std::int64_t step = std::max<std::int64_t>(1, (std::int64_t{1} << 20) / image);
  Tensor rows;
  for (std::int64_t first = 0; first < count; first += step) {
    rows.ensure({std::min(step, count - first), shape[1], shape[2], shape[3]}, Dtype::u8,
                Tag::input);
    file.read_rows(images_at, first, rows);
    std::copy_n(rows.data<std::uint8_t>(), rows.size(), images.begin() + first * image);
  }
  io::Sha256 digest;
  digest.update(std::as_bytes(std::span(images)));
  digest.update(std::as_bytes(std::span(labels)));
  info.digest = digest.hex();
  return std::make_unique<MemorySource>(std::move(info), std::move(images), std::move(labels));
}

}  // namespace rn::data
