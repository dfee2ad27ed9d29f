// What is in a data set, and bringing it into HDF5 files: the doing of resnet-data.
#pragma once

#include <string>
#include <vector>

#include "base/progress.h"
#include "base/shard.h"
#include "data/source.h"
#include "io/h5.h"
#include "io/json.h"
#include "io/provenance.h"

namespace rn::data {

struct Limits {
  std::int64_t train = -1, test = -1;  // the first N; -1: all
};

struct SplitSummary {
  Split split = Split::train;
  std::string digest;
  std::int64_t count = 0;
  std::int64_t first = 0, total = 0;  // of a shard: its first image, images of the whole split
  std::vector<std::int64_t> per_class;
  std::vector<double> mean, stddev;  // per channel, on the 0..1 scale
};

struct Summary {
  std::string uri;
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::string> class_names;
  Shard shard;
  std::vector<SplitSummary> splits;
};

// Part `shard` of a source, which must outlive it: samples in their order, cut into nearly equal
// parts. The digest stays that of the whole.
class PartSource : public Source {
 public:
  PartSource(const Source& whole, const Shard& shard);
  std::int64_t first() const { return first_; }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override;
  std::int32_t read_point(std::int64_t index, std::span<double> point) const override;
  bool costly() const override { return whole_.costly(); }
  bool small() const override { return whole_.small(); }
  void announce(std::int64_t index) const override { whole_.announce(first_ + index); }

 private:
  const Source& whole_;
  std::int64_t first_;
};

std::int64_t bytes_of(const Summary& summary);  // of all images and labels

std::string to_text(const Summary& summary);  // a few lines, for people
io::Json to_json(const Summary& summary);

// Adds a split to a data file: <split>/images uint8 [N, H, W, C] in one piece, <split>/labels int32
// [N], <split>/sha256 uint8 [N, 32]; of points images float64 and labels. Returns how many samples
// each class has. Errors: input, those of reading.
std::vector<std::int64_t> write_split(io::H5& file, const Source& source, Split split,
                                      Progress& progress);

struct ImportOptions {
  std::string uri;
  Limits limits;
  bool keep = false;  // make the file; else only look
  Shard shard = {};   // keep this part of every split
  Progress* progress = nullptr;
};

struct Imported {
  Summary summary;
  io::H5 file;  // complete but for the provenance, whose inputs are the splits' digests
};

// Opens every split of the set in turn, looks at it, and keeps it when asked to. Where samples take
// long to read, threads() of them are read at once. Errors: usage, input.
Imported import(const ImportOptions& options);

// The provenance's inputs: each split's URI and digest.
std::vector<io::Provenance::Input> inputs_of(const Summary& summary);

}  // namespace rn::data
