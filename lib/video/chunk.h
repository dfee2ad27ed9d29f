// What of a clip a network sees: some frames, each with a stack of flow fields around it, in one
// window. All that is drawn is a function of (seed, epoch, clip).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/resample.h"
#include "data/source.h"
#include "tensor/tensor.h"
#include "video/clip_store.h"

namespace rn::video {

// Windows for training (Feichtenhofer et al. 2016).
enum class Crop {
  centre,   // the middle, no lot
  corners,  // a corner or the middle; height and width each 1, 7/8, 3/4 or 21/32 of the shorter
            // side
  jitter,   // side / short side of it, each way 25 % more or less; from a border at most 25 % away
};
const char* to_string(Crop);               // "centre", ...
Crop parse_crop(const std::string& text);  // errors: usage

struct ChunkOptions {
  int frames = 1;  // T
  int stride_low = 1,
      stride_high = 1;         // tau: pictures from one frame to the next, drawn from these
  int flow_stack = 10;         // L: fields of a stack
  int side = 224;              // of the window, when it has been resized
  double share = 224.0 / 256;  // of the shorter side that a centre window takes; jitter's mean
  Crop crop = Crop::jitter;
  bool flip = true;  // by lot; mirroring negates u
};

struct Chunk {
  std::vector<std::int64_t> frames;  // numbers of pictures, not falling
  data::Window window;
  std::int64_t height = 0, width = 0;  // that the window is brought to
  bool flip = false;
};

// Of a clip of `count` pictures of this size. Where it is too short for the stride, the stride is
// shortened; where it has fewer pictures than frames, the last one comes again.
Chunk draw_chunk(const ChunkOptions& options, std::uint64_t seed, std::int64_t epoch,
                 std::int64_t index, std::int64_t count, std::int64_t height, std::int64_t width);

// For testing: `frames` pictures at equal distances from the first to the last, whole.
Chunk whole_chunk(int frames, std::int64_t count, std::int64_t height, std::int64_t width,
                  bool flip);

// The fields of the stack of a frame, from 5 before it to 4 behind it (of 10); beyond the ends of a
// clip its first or last field comes again.
std::vector<std::int64_t> stack_of(std::int64_t frame, int flow_stack, std::int64_t fields);

// What bytes become, channel by channel: (byte / 255 - mean) / stddev.
class ChunkReader {
 public:
  // A stream that is not wanted has an empty normalisation. Errors: shape.
  ChunkReader(const ClipStore& store, int flow_stack, const data::Normalization& frames,
              const data::Normalization& flow, Dtype dtype);

  // Writes rows [row, row + T) of frames [.., h, w, 3] and flow [.., h, w, 2L]: u and v of the
  // first field, u and v of the second, ...; of undefined tensors nothing. Thread-safe.
  void read(std::int64_t clip, const Chunk& chunk, const Tensor& frames, const Tensor& flow,
            std::int64_t row) const;

 private:
  template <class T>
  void write(const std::uint8_t* bytes, std::int64_t pixels, std::int64_t channels,
             const Tensor& table, std::int64_t first, std::int64_t stride, T* out) const;

  const ClipStore& store_;
  int flow_stack_;
  Tensor frame_table_, flow_table_;  // [channels, 256]
  Dtype dtype_;
};

// Normalisation of the set, from the middle pictures and fields of up to 100 clips, evenly spread:
// of frames by channel, of flow around no motion, with one deviation for all channels.
struct ChunkNormalization {
  data::Normalization frames, flow;
};
ChunkNormalization measure_chunks(const ClipStore& store, bool frames, bool flow, int flow_stack);

}  // namespace rn::video
