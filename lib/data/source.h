// Where samples come from: a random-access set of uint8 images, or of points (a few real numbers
// each), with integer labels.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/resample.h"
#include "tensor/tensor.h"

namespace rn::data {

enum class Split { train, val, test };
const char* to_string(Split split);
Split parse_split(const std::string& text);  // errors: usage

struct Info {
  std::string uri;  // as given
  // SHA-256 of the content (of several files: of their digests), or of the generator's name.
  std::string digest = {};
  std::int64_t count = 0;
  std::int64_t height = 0, width = 0, channels = 0;  // of points 1, 1, how many numbers
  bool points = false;                               // samples are real numbers, not bytes
  std::vector<std::string> class_names = {};         // one per class
  std::int64_t classes() const { return static_cast<std::int64_t>(class_names.size()); }
};

// Chooses a window of an image of the given size.
using ChooseWindow = std::function<Window(std::int64_t height, std::int64_t width)>;

class Source {
 public:
  virtual ~Source() = default;
  const Info& info() const { return info_; }
  // Copies sample `index` as HWC bytes and returns its label in [0, classes). Thread-safe.
  // Errors (input): the samples are points.
  virtual std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const = 0;
  // The same of a window of the sample in its full size, brought to the size of all; here: of what
  // read() gives. Thread-safe.
  virtual std::int32_t read_window(std::int64_t index, const ChooseWindow& choose,
                                   std::span<std::uint8_t> image) const;
  // Whether samples take long to read, so that several threads pay.
  virtual bool costly() const { return false; }
  // Whether there are so few bytes that all are read to measure the normalisation: decided by what
  // the set is, not by how it is read.
  virtual bool small() const { return !costly(); }
  // Says that a sample will be read soon, so that the system may fetch it meanwhile. Thread-safe.
  virtual void announce(std::int64_t) const {}
  // Side of the window that read() takes, as a share of the image's shorter side.
  virtual double crop_share() const { return 1; }
  // What people call the sample: its number, or its file.
  virtual std::string sample_name(std::int64_t index) const { return std::to_string(index); }
  // Likewise point `index`. Errors (input): the samples are images.
  virtual std::int32_t read_point(std::int64_t index, std::span<double> point) const;

 protected:
  Info info_;
};

// Opens "KIND:WHERE" (docs/man: DATA URIS). `train` and `test` are the set's own splits; `val` is
// cut from `train` by the trainer (val_count, seed): see subset(). limit >= 0 keeps the first
// `limit`. Errors: usage (unknown kind, listing the known ones), input (missing, short, oversized
// files, labels out of range).
std::unique_ptr<Source> open_source(const std::string& uri, Split split, std::int64_t limit = -1);

// The same for who reads in the thread that uses HDF5, one sample after the other: then large sets
// are opened too whose layout no other thread could read.
std::unique_ptr<Source> open_serial_source(const std::string& uri, Split split,
                                           std::int64_t limit = -1);

// The splits a set has, in the order train, val, test. Errors: as open_source.
std::vector<Split> source_splits(const std::string& uri);

// Kinds open_source knows, with a one-line description each, for --help and messages.
std::vector<std::pair<std::string, std::string>> source_kinds();

// Input normalisation, kept in the model file: y = (x / 255 - mean) / stddev per channel, or with
// a mean image (bytes' scale / 255) instead of the per-channel mean; stddev is then of what is left
// after subtracting it. All in the order of the data's channels. A channel that never changes has
// stddev 1. Of points y = (x - mean) / stddev, without the 255.
struct Normalization {
  std::vector<double> mean;    // per channel, on the 0..1 scale
  std::vector<double> stddev;  // per channel
  Tensor mean_image;           // f32 [H, W, C] on the 0..1 scale; replaces mean when defined
  bool reversed = false;       // channels go in backwards: BGR from RGB (Keras' "caffe" mode)
};
// mean_image_255: a mean image, and nothing divided: inputs on the 0..255 scale (stddev 1/255).
enum class NormalizationKind { channel, mean_image, mean_image_255, none };
const char* to_string(NormalizationKind kind);                   // "channel", "mean-image", ...
NormalizationKind parse_normalization(const std::string& text);  // errors: usage
// Of points by mean and deviation in their order. Of images exact sums (integers), so the same for
// any order of `indices`. Errors: input if there are none.
Normalization measure_normalization(const Source& source, std::span<const std::int64_t> indices,
                                    NormalizationKind kind);

// A validation split: shuffles 0..count-1 by (seed, RngPurpose::split) and returns the indices to
// train on and the last val_count to validate on, each sorted. Errors: usage unless 0 <= val_count
// < count.
struct Subsets {
  std::vector<std::int64_t> train, val;
};
Subsets split_validation(std::int64_t count, std::int64_t val_count, std::uint64_t seed);

}  // namespace rn::data
