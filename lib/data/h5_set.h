// What the files of a data set in our HDF5 layout say of themselves: one whole set, or the shards
// of one (docs/man/resnet-h5.5, DATA FILES).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/shard.h"
#include "data/kinds.h"
#include "io/rows.h"

namespace rn::data {

constexpr std::size_t digest_bytes = 32;

// A file's part of a split, but for the images themselves.
struct H5Part {
  std::string file;
  Shape shape;  // [N, H, W, C]
  bool points = false;
  std::vector<std::string> classes;
  std::vector<std::int32_t> labels;
  std::vector<std::uint8_t> digests;   // of each image, one after the other; empty: not recorded
  std::optional<io::RowsOnDisk> rows;  // where the images lie, or ...
  std::string why;                     // ... why they do not: "is compressed"
  bool sharded = false;                // of a shard:
  Shard shard;
  std::int64_t first = 0, total = 0;  // number of its first image, images of the whole split
  std::string source;                 // digest of what was cut up

  std::int64_t count() const { return shape[0]; }
};

// "FILE", "DIR" (all *.h5 in it), "part-*.h5": the files, by name. Errors (input): none.
std::vector<std::string> h5_files(const std::string& where);

// The parts of a split in their order. Errors (input): a file that is no data set or lies, files
// that do not belong together; shards that are missing, by name.
std::vector<H5Part> h5_parts(const std::vector<std::string>& files, Split split);

enum class Streaming { on, off, automatic };

struct H5Where {
  std::string where;
  Streaming streaming = Streaming::automatic;
};
H5Where parse_h5(const std::string& where);  // "FILE?stream=on"; errors: usage

// The set of these files, in memory or where it lies. `request` says which split and how much.
// Errors: as h5_parts(); input where images cannot be streamed, or are not what was recorded.
std::unique_ptr<Source> open_h5_files(const Request& request, const std::vector<std::string>& files,
                                      Streaming streaming);

// Whether the digests of all images are recorded.
bool recorded(const std::vector<H5Part>& parts);
// The SHA-256 that is recorded for an image: of its bytes and of its label as int32, little-endian.
void digest_image(std::span<const std::uint8_t> image, std::int32_t label,
                  std::span<std::uint8_t> digest);
// The digest of a set from those of its images.
std::string digest_of_set(const Info& info, std::span<const std::uint8_t> digests);

// Images that stay on disk; labels and digest come from the parts. With `serial` they are read
// through libhdf5, whatever their layout: only for the thread that uses HDF5, and best in their
// order.
std::unique_ptr<Source> stream_h5(Info info, std::vector<H5Part> parts, bool serial,
                                  const std::string& images_at);

}  // namespace rn::data
