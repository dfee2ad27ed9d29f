// What is in a data set, and bringing it into one HDF5 file: the doing of resnet-data.
#pragma once

#include <string>
#include <vector>

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
  std::vector<std::int64_t> per_class;
  std::vector<double> mean, stddev;  // per channel, on the 0..1 scale
};

struct Summary {
  std::string uri;
  std::int64_t height = 0, width = 0, channels = 0;
  std::vector<std::string> class_names;
  std::vector<SplitSummary> splits;
};

// Adds what `source` holds; the summary of a set is that of its splits. Errors (input): shapes or
// classes differ from the splits before.
void summarize(Summary& summary, const Source& source, Split split);

std::int64_t bytes_of(const Summary& summary);  // of all images and labels

std::string to_text(const Summary& summary);  // a few lines, for people
io::Json to_json(const Summary& summary);

// Adds a split to a data file: <split>/images uint8 [N, H, W, C] in chunks of whole images of about
// 1 MiB, <split>/labels int32 [N].
void write_split(io::H5& file, const Source& source, Split split);

struct ImportOptions {
  std::string uri;
  Limits limits;
  bool keep = false;  // make the file; else only look
};

struct Imported {
  Summary summary;
  io::H5 file;  // complete but for the provenance, whose inputs are the splits' digests
};

// Opens every split of the set in turn, looks at it, and keeps it when asked to.
Imported import(const ImportOptions& options);

// The provenance's inputs: each split's URI and digest.
std::vector<io::Provenance::Input> inputs_of(const Summary& summary);

}  // namespace rn::data
