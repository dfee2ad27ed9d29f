// Data sets in our own HDF5 layout: in memory, or on disk where they are large.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/parallel.h"
#include "data/h5_set.h"
#include "data/points.h"
#include "data/query.h"
#include "io/file.h"
#include "io/schema.h"

namespace rn::data {
namespace {

namespace schema = io::schema;
constexpr std::int64_t step_bytes = std::int64_t{1} << 20;  // read at once

std::string images_of(const Request& request) {
  return std::string(to_string(request.split)) + "/" + schema::images;
}

// Calls body(file, part, n) for each part that has any of the first `count` samples, which are its
// first n.
template <class F>
void for_parts(const std::vector<H5Part>& parts, std::int64_t count, const std::string& at,
               F&& body) {
  for (const H5Part& part : parts) {
    const std::int64_t n = std::min(part.count(), count - part.first);
    if (n <= 0) continue;
    const io::H5 file = io::H5::open_on_disk(part.file);
    if (file.shape(at) != part.shape) {
      fail(ErrorKind::input, "{}: was written to while it was being opened; try again", part.file);
    }
    body(file, part, n);
  }
}

std::unique_ptr<Source> read_points(const Request& request, Info info,
                                    const std::vector<H5Part>& parts, std::int64_t count) {
  const std::string at = images_of(request);
  std::vector<double> points;
  std::vector<std::int32_t> labels;
  for_parts(parts, count, at, [&](const io::H5& file, const H5Part& part, std::int64_t n) {
    const Tensor all = file.read(at, Tag::input);
    const auto values = all.span<double>().first(static_cast<std::size_t>(n * info.channels));
    if (std::any_of(values.begin(), values.end(), [](double x) { return !std::isfinite(x); })) {
      fail(ErrorKind::input, "{}: '{}' holds numbers that are not finite", part.file, at);
    }
    points.insert(points.end(), values.begin(), values.end());
    labels.insert(labels.end(), part.labels.begin(), part.labels.begin() + n);
  });
  return std::make_unique<PointSource>(std::move(info), std::move(points), std::move(labels));
}

// Computes the digests of a part's images; where some are recorded they must be these.
std::vector<std::uint8_t> check_digests(const H5Part& part, std::int64_t n,
                                        std::span<const std::uint8_t> images) {
  std::vector<std::uint8_t> digests(static_cast<std::size_t>(n) * digest_bytes);
  const auto size = images.size() / static_cast<std::size_t>(n);
  parallel_for(lanes(), [&](int lane) {
    const Range range = lane_range(n, lanes(), lane);
    for (auto i = static_cast<std::size_t>(range.begin); i < static_cast<std::size_t>(range.end);
         ++i) {
      const auto digest = std::span(digests).subspan(i * digest_bytes, digest_bytes);
      digest_image(images.subspan(i * size, size), part.labels[i], digest);
      if (std::memcmp(digest.data(), part.digests.data() + i * digest_bytes, digest_bytes) != 0) {
        fail(ErrorKind::input,
             "{}: sample {} is not what was imported (its SHA-256 is another); make or copy the "
             "file again",
             part.file, part.first + static_cast<std::int64_t>(i));
      }
    }
  });
  return digests;
}

std::unique_ptr<Source> read_images(const Request& request, Info info,
                                    const std::vector<H5Part>& parts, std::int64_t count) {
  const std::string at = images_of(request);
  const std::int64_t size = info.height * info.width * info.channels;
  const std::int64_t step = std::max<std::int64_t>(1, step_bytes / size);
  std::vector<std::uint8_t> images(static_cast<std::size_t>(count * size)), digests;
  std::vector<std::int32_t> labels;
  const bool known = recorded(parts);
  Tensor rows;
  for_parts(parts, count, at, [&](const io::H5& file, const H5Part& part, std::int64_t n) {
    const auto here = std::span(images).subspan(static_cast<std::size_t>(part.first * size),
                                                static_cast<std::size_t>(n * size));
    for (std::int64_t first = 0; first < n; first += step) {
      rows.ensure({std::min(step, n - first), info.height, info.width, info.channels}, Dtype::u8,
                  Tag::input);
      file.read_rows(at, first, rows);
      std::copy_n(rows.data<std::uint8_t>(), rows.size(), here.data() + first * size);
    }
    labels.insert(labels.end(), part.labels.begin(), part.labels.begin() + n);
    if (!known) return;
    const std::vector<std::uint8_t> found = check_digests(part, n, here);
    digests.insert(digests.end(), found.begin(), found.end());
  });
  if (known) {
    info.digest = digest_of_set(info, digests);
  } else {
    io::Sha256 digest;
    digest.update(std::as_bytes(std::span(images)));
    digest.update(std::as_bytes(std::span(labels)));
    info.digest = digest.hex();
  }
  return std::make_unique<MemorySource>(std::move(info), std::move(images), std::move(labels));
}

}  // namespace

bool recorded(const std::vector<H5Part>& parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [](const H5Part& part) { return part.count() == 0 || !part.digests.empty(); });
}

void digest_image(std::span<const std::uint8_t> image, std::int32_t label,
                  std::span<std::uint8_t> digest) {
  std::uint8_t four[4];
  for (int i = 0; i < 4; ++i) four[i] = static_cast<std::uint8_t>(label >> (8 * i));
  const auto bytes =
      io::Sha256().update(std::as_bytes(image)).update(std::as_bytes(std::span(four))).bytes();
  std::memcpy(digest.data(), bytes.data(), bytes.size());
}

std::string digest_of_set(const Info& info, std::span<const std::uint8_t> digests) {
  const std::string head = fmt::format("{} {} {}\n", info.height, info.width, info.channels);
  return io::Sha256().update(std::as_bytes(std::span(head))).update(std::as_bytes(digests)).hex();
}

H5Where parse_h5(const std::string& where) {
  const Query query = parse_query(where, {"stream"});
  const auto found = query.value.find("stream");
  const std::string text = found == query.value.end() ? "auto" : found->second;
  if (text == "on") return {query.where, Streaming::on};
  if (text == "off") return {query.where, Streaming::off};
  if (text == "auto") return {query.where, Streaming::automatic};
  fail(ErrorKind::usage, "stream={} of data 'h5:{}': expected on, off or auto", text, where);
}

std::unique_ptr<Source> open_h5(const Request& request) {
  const H5Where asked = parse_h5(request.where);
  return open_h5_files(request, h5_files(asked.where), asked.streaming);
}

std::unique_ptr<Source> open_h5_files(const Request& request, const std::vector<std::string>& files,
                                      Streaming streaming) {
  std::vector<H5Part> parts = h5_parts(files, request.split);
  const H5Part& first = parts.front();
  Info info{.uri = request.uri,
            .height = first.shape[1],
            .width = first.shape[2],
            .channels = first.shape[3],
            .class_names = first.classes};
  const std::int64_t count = request.keep(first.total);
  while (parts.size() > 1 && parts.back().first >= count) parts.pop_back();
  if (first.points) return read_points(request, std::move(info), parts, count);
  // What the files claim to hold has been held against their sizes.
  const std::int64_t bytes = element_count({count, info.height, info.width, info.channels});
  if (streaming == Streaming::off ||
      (streaming == Streaming::automatic && bytes <= most_in_memory)) {
    return read_images(request, std::move(info), parts, count);
  }
  bool serial = false;
  for (const H5Part& part : parts) {
    if (part.rows) continue;
    serial = true;
    if (request.serial) break;
    fail(ErrorKind::input,
         "{}: '{}' {}, so that images cannot stay on disk; ?stream=off after the name reads all {} "
         "bytes into memory, resnet-data h5:... --shard K/N -o PART.h5 makes files of it that can "
         "stay",
         part.file, images_of(request), part.why, bytes);
  }
  info.count = count;
  return stream_h5(std::move(info), std::move(parts), serial, images_of(request));
}

}  // namespace rn::data
