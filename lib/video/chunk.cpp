#include "video/chunk.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "video/flow_field.h"

namespace rn::video {
namespace {

data::Window window_of(const ChunkOptions& o, Rng& rng, std::int64_t height, std::int64_t width) {
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  const double shorter = std::min(h, w);
  if (o.crop == Crop::corners) {
    constexpr std::array<double, 4> shares{1, 7.0 / 8, 3.0 / 4, 21.0 / 32};
    const double wh = shares[rng.below(4)] * shorter, ww = shares[rng.below(4)] * shorter;
    switch (rng.below(5)) {
      case 0: return {0, 0, wh, ww};
      case 1: return {0, w - ww, wh, ww};
      case 2: return {h - wh, 0, wh, ww};
      case 3: return {h - wh, w - ww, wh, ww};
      default: return {(h - wh) / 2, (w - ww) / 2, wh, ww};
    }
  }
  double wh = o.share * shorter, ww = wh;
  if (o.crop == Crop::centre) return {(h - wh) / 2, (w - ww) / 2, wh, ww};
  wh = std::min(h, wh * rng.uniform(0.75, 1.25));
  ww = std::min(w, ww * rng.uniform(0.75, 1.25));
  const auto place = [&](double side, double window) {
    const bool far = rng.coin();
    const double away = rng.uniform() * std::min(side - window, side / 4);
    return far ? side - window - away : away;
  };
  const double y = place(h, wh);
  return {y, place(w, ww), wh, ww};
}

void mirror(std::vector<std::uint8_t>& image, std::int64_t height, std::int64_t width,
            std::int64_t channels) {
  for (std::int64_t y = 0; y < height; ++y) {
    std::uint8_t* row = image.data() + y * width * channels;
    for (std::int64_t a = 0, b = width - 1; a < b; ++a, --b) {
      std::swap_ranges(row + a * channels, row + (a + 1) * channels, row + b * channels);
    }
  }
}

Tensor table_of(const data::Normalization& normalization, Dtype dtype) {
  const auto channels = static_cast<std::int64_t>(normalization.mean.size());
  if (channels == 0) return {};
  require(normalization.mean.size() == normalization.stddev.size() && !normalization.mean_image,
          "ChunkReader: {} means, {} deviations, or a mean image", normalization.mean.size(),
          normalization.stddev.size());
  const Tensor table({channels, 256}, Dtype::f64, Tag::input);
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto at = static_cast<std::size_t>(normalization.reversed ? channels - 1 - c : c);
    for (std::int64_t k = 0; k < 256; ++k) {
      table.data<double>()[c * 256 + k] =
          (static_cast<double>(k) / 255 - normalization.mean[at]) / normalization.stddev[at];
    }
  }
  return dtype == Dtype::f64 ? table : table.cast(dtype, Tag::input);
}

}  // namespace

const char* to_string(Crop crop) {
  switch (crop) {
    case Crop::centre: return "centre";
    case Crop::corners: return "corners";
    case Crop::jitter: return "jitter";
  }
  return "?";
}

Crop parse_crop(const std::string& text) {
  for (const Crop crop : {Crop::centre, Crop::corners, Crop::jitter}) {
    if (text == to_string(crop)) return crop;
  }
  fail(ErrorKind::usage, "'{}' is no kind of crop: centre, corners or jitter", text);
}

Chunk draw_chunk(const ChunkOptions& o, std::uint64_t seed, std::int64_t epoch, std::int64_t index,
                 std::int64_t count, std::int64_t height, std::int64_t width) {
  require(o.frames > 0 && o.stride_low > 0 && o.stride_high >= o.stride_low && count > 0,
          "draw_chunk: {} frames at strides {} to {} of {} pictures", o.frames, o.stride_low,
          o.stride_high, count);
  Rng rng(seed, RngPurpose::chunk, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(index));
  Chunk chunk{.height = o.side, .width = o.side};
  std::int64_t stride =
      o.stride_low + static_cast<std::int64_t>(
                         rng.below(static_cast<std::uint32_t>(o.stride_high - o.stride_low) + 1));
  const std::int64_t steps = o.frames - 1;
  if (steps > 0) stride = std::min(stride, std::max<std::int64_t>(1, (count - 1) / steps));
  const std::int64_t starts = std::max<std::int64_t>(1, count - steps * stride);
  const auto start = static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(starts)));
  for (std::int64_t i = 0; i <= steps; ++i) {
    chunk.frames.push_back(std::min(start + i * stride, count - 1));
  }
  chunk.window = window_of(o, rng, height, width);
  chunk.flip = o.flip && rng.coin();
  return chunk;
}

Chunk whole_chunk(int frames, std::int64_t count, std::int64_t height, std::int64_t width,
                  bool flip) {
  require(frames > 0 && count > 0, "whole_chunk: {} frames of {}", frames, count);
  Chunk chunk{.window = {0, 0, static_cast<double>(height), static_cast<double>(width)},
              .height = height,
              .width = width,
              .flip = flip};
  for (std::int64_t i = 0; i < frames; ++i) {
    chunk.frames.push_back(frames == 1 ? (count - 1) / 2
                                       : (i * (count - 1) + (frames - 1) / 2) / (frames - 1));
  }
  return chunk;
}

std::vector<std::int64_t> stack_of(std::int64_t frame, int flow_stack, std::int64_t fields) {
  std::vector<std::int64_t> stack;
  for (std::int64_t k = 0; k < flow_stack; ++k) {
    stack.push_back(std::clamp<std::int64_t>(frame - flow_stack / 2 + k, 0, fields - 1));
  }
  return stack;
}

ChunkReader::ChunkReader(const ClipStore& store, int flow_stack, const data::Normalization& frames,
                         const data::Normalization& flow, Dtype dtype)
    : store_(store),
      flow_stack_(flow_stack),
      frame_table_(table_of(frames, dtype)),
      flow_table_(table_of(flow, dtype)),
      dtype_(dtype) {
  require(!frame_table_ || frame_table_.dim(0) == 3, "ChunkReader: frames of {}", frame_table_);
  require(!flow_table_ || flow_table_.dim(0) == 2 * flow_stack, "ChunkReader: stacks of {}",
          flow_table_);
}

// bytes [pixels, channels] into channels [first, first + channels) of out [pixels, stride].
template <class T>
void ChunkReader::write(const std::uint8_t* bytes, std::int64_t pixels, std::int64_t channels,
                        const Tensor& table, std::int64_t first, std::int64_t stride,
                        T* out) const {
  const T* values = table.data<T>() + first * 256;
  out += first;
  for (std::int64_t i = 0; i < pixels; ++i, bytes += channels, out += stride) {
    for (std::int64_t c = 0; c < channels; ++c) out[c] = values[c * 256 + bytes[c]];
  }
}

void ChunkReader::read(std::int64_t clip, const Chunk& chunk, const Tensor& frames,
                       const Tensor& flow, std::int64_t row) const {
  const ClipStore::Clip& from = store_.clips().at(static_cast<std::size_t>(clip));
  std::set<std::int64_t> pictures, fields;
  if (frames) pictures.insert(chunk.frames.begin(), chunk.frames.end());
  if (flow) {
    for (const std::int64_t frame : chunk.frames) {
      const auto stack = stack_of(frame, flow_stack_, from.fields());
      fields.insert(stack.begin(), stack.end());
    }
  }
  const Pixels pixels =
      store_.read(clip, {pictures.begin(), pictures.end()}, {fields.begin(), fields.end()});
  const std::int64_t h = chunk.height, w = chunk.width;
  // Every picture and field is cut once, in however many frames and stacks it is.
  const auto cut = [&](const Tensor& image, std::int64_t channels) {
    std::vector<std::uint8_t> out(static_cast<std::size_t>(h * w * channels));
    data::resample(image.span<std::uint8_t>(), from.height, from.width, channels, chunk.window, out,
                   h, w);
    if (chunk.flip) mirror(out, h, w, channels);
    return out;
  };
  std::map<std::int64_t, std::vector<std::uint8_t>> cut_frames, cut_fields;
  for (std::size_t i = 0; const std::int64_t number : pictures) {
    cut_frames[number] = cut(pixels.frames.at(i++), 3);
  }
  for (std::size_t i = 0; const std::int64_t number : fields) {
    auto& field = cut_fields[number] = cut(pixels.fields.at(i++), 2);
    if (!chunk.flip) continue;
    // To the right becomes to the left; bytes are symmetric around that of no motion.
    for (std::size_t at = 0; at < field.size(); at += 2) {
      field[at] = static_cast<std::uint8_t>(std::min(2 * zero_byte - field[at], 255));
    }
  }
  const auto fill = [&]<class T>() {
    for (std::size_t t = 0; t < chunk.frames.size(); ++t) {
      const auto at = row + static_cast<std::int64_t>(t);
      if (frames) {
        write(cut_frames[chunk.frames[t]].data(), h * w, 3, frame_table_, 0, 3,
              frames.data<T>() + at * h * w * 3);
      }
      if (!flow) continue;
      const std::int64_t channels = 2 * flow_stack_;
      const auto stack = stack_of(chunk.frames[t], flow_stack_, from.fields());
      for (std::size_t k = 0; k < stack.size(); ++k) {
        write(cut_fields[stack[k]].data(), h * w, 2, flow_table_, static_cast<std::int64_t>(2 * k),
              channels, flow.data<T>() + at * h * w * channels);
      }
    }
  };
  if (dtype_ == Dtype::bf16) {
    fill.template operator()<bfloat16>();
  } else if (dtype_ == Dtype::f64) {
    fill.template operator()<double>();
  } else {
    fill.template operator()<float>();
  }
}

ChunkNormalization measure_chunks(const ClipStore& store, bool frames, bool flow, int flow_stack) {
  constexpr std::int64_t most = 100;
  const std::int64_t used = std::min(store.count(), most);
  std::array<std::uint64_t, 3> sum{}, squares{};
  std::uint64_t pixels = 0, flow_squares = 0, components = 0;
  for (std::int64_t i = 0; i < used; ++i) {
    const std::int64_t index = i * store.count() / used;
    const auto& clip = store.clips()[static_cast<std::size_t>(index)];
    std::vector<std::int64_t> picture, field;
    if (frames) picture.push_back(clip.frames / 2);
    if (flow) field.push_back(clip.fields() / 2);
    const Pixels found = store.read(index, picture, field);
    for (const Tensor& image : found.frames) {
      const auto bytes = image.span<std::uint8_t>();
      for (std::size_t at = 0; at < bytes.size(); ++at) {
        sum[at % 3] += bytes[at];
        squares[at % 3] += std::uint64_t{bytes[at]} * bytes[at];
      }
      pixels += bytes.size() / 3;
    }
    for (const Tensor& image : found.fields) {
      for (const std::uint8_t byte : image.span<std::uint8_t>()) {
        const int away = int{byte} - zero_byte;
        flow_squares += static_cast<std::uint64_t>(away * away);
      }
      components += static_cast<std::uint64_t>(image.size());
    }
  }
  ChunkNormalization result;
  const auto deviation = [](double variance) { return variance > 0 ? std::sqrt(variance) : 1; };
  for (std::size_t c = 0; frames && c < 3; ++c) {
    const double n = static_cast<double>(pixels), mean = static_cast<double>(sum[c]) / n / 255;
    result.frames.mean.push_back(mean);
    result.frames.stddev.push_back(
        deviation(static_cast<double>(squares[c]) / n / 255 / 255 - mean * mean));
  }
  if (flow) {
    const double variance =
        static_cast<double>(flow_squares) / static_cast<double>(components) / 255 / 255;
    result.flow.mean.assign(static_cast<std::size_t>(2 * flow_stack), zero_byte / 255.0);
    result.flow.stddev.assign(static_cast<std::size_t>(2 * flow_stack), deviation(variance));
  }
  return result;
}

}  // namespace rn::video
