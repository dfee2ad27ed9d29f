// The flow of a clip as a result file (docs/man/resnet-h5.5, kind "flow").
#pragma once

#include <string>

#include "io/h5.h"
#include "io/json.h"
#include "ops/flow.h"
#include "video/clip.h"

namespace rn::video {

// What the fields of a file depend on, besides the clip.
struct FlowOptions {
  ops::TvL1 method = {};
  int short_side = 0;   // resized so that the shorter side is that long; 0: as it is
  int stride = 1;       // from every so many-th picture to the next of these
  bool floats = false;  // float32 instead of bytes
  double bound = 20;    // pixels that the largest byte stands for
};
// Empty if they are the same; else what differs, for the reader: "short side 256 instead of 128".
std::string difference(const FlowOptions& have, const FlowOptions& want);

struct FlowHead {
  FlowOptions options;
  std::string source,
      digest;  // name without folders, SHA-256 (of both images, one after the other)
  ClipInfo clip;
  std::int64_t fields = 0;
};

class FlowFile {
 public:
  // A new one, to be filled field by field.
  static FlowFile create(const FlowHead& head);
  // Errors (input): another kind of file, damaged.
  static FlowFile open(const std::string& path);

  const FlowHead& head() const { return head_; }
  Shape shape() const { return {head_.fields, head_.clip.height, head_.clip.width, 2}; }
  void write(std::int64_t first, const Tensor& fields);       // f32 [n, H, W, 2]
  Tensor read(std::int64_t first, std::int64_t count) const;  // f32 [n, H, W, 2]
  io::H5& file() { return file_; }

 private:
  FlowFile(io::H5 file, FlowHead head) : file_(std::move(file)), head_(std::move(head)) {}
  io::H5 file_;
  FlowHead head_;
};

// Of a result file, whatever its kind: whether it is flow.
bool is_flow(const io::H5& file);

}  // namespace rn::video
