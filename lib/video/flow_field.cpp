#include "video/flow_field.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "io/file.h"
#include "video/picture.h"

namespace rn::video {
namespace {

static_assert(std::endian::native == std::endian::little, "files are read as they lie in memory");

constexpr float unknown = 1e9F;
constexpr std::size_t header = 12;

bool known(const float* vector) {
  return std::abs(vector[0]) < unknown && std::abs(vector[1]) < unknown;  // and not NaN
}

void check_field(const Tensor& flow) {
  require(flow.defined() && flow.rank() == 3 && flow.dim(2) == 2 && flow.dtype() == Dtype::f32,
          "a flow field is {}, expected float32 [H, W, 2]", flow);
}

// Red to yellow, to green, cyan, blue, magenta, and back: as many steps as the eye tells apart.
std::vector<std::array<double, 3>> make_wheel() {
  struct Arc {
    int steps, from, to;  // channels: the one that is full, the one that comes or goes
    bool comes;
  };
  constexpr Arc arcs[] = {{15, 0, 1, true},  {6, 1, 0, false}, {4, 1, 2, true},
                          {11, 2, 1, false}, {13, 2, 0, true}, {6, 0, 2, false}};
  std::vector<std::array<double, 3>> wheel;
  for (const Arc& arc : arcs) {
    for (int i = 0; i < arc.steps; ++i) {
      std::array<double, 3> colour{};
      const double share = std::floor(255.0 * i / arc.steps) / 255;
      colour[static_cast<std::size_t>(arc.from)] = 1;
      colour[static_cast<std::size_t>(arc.to)] = arc.comes ? share : 1 - share;
      wheel.push_back(colour);
    }
  }
  return wheel;
}

}  // namespace

Tensor read_flo(const std::string& path) {
  const io::Bytes bytes = io::read_file(path);
  std::int32_t size[2] = {};
  if (bytes.size() < header || std::memcmp(bytes.data(), "PIEH", 4) != 0) {
    fail(ErrorKind::input, "{}: is no .flo file: it does not begin with PIEH", path);
  }
  std::memcpy(size, bytes.data() + 4, sizeof size);
  const std::int64_t w = size[0], h = size[1];
  if (w <= 0 || h <= 0 ||
      static_cast<std::uint64_t>(w) * static_cast<std::uint64_t>(h) !=
          (bytes.size() - header) / 8 ||
      (bytes.size() - header) % 8 != 0) {
    fail(ErrorKind::input, "{}: claims {} x {} vectors, but has {} bytes: cut off?", path, w, h,
         bytes.size());
  }
  Tensor flow({h, w, 2}, Dtype::f32, Tag::input);
  std::memcpy(flow.raw(), bytes.data() + header, flow.bytes());
  return flow;
}

io::Bytes encode_flo(const Tensor& flow) {
  check_field(flow);
  io::Bytes bytes(header + flow.bytes());
  const std::int32_t size[2] = {static_cast<std::int32_t>(flow.dim(1)),
                                static_cast<std::int32_t>(flow.dim(0))};
  std::memcpy(bytes.data(), "PIEH", 4);
  std::memcpy(bytes.data() + 4, size, sizeof size);
  std::memcpy(bytes.data() + header, flow.raw(), flow.bytes());
  return bytes;
}

FlowErrors compare(const Tensor& flow, const Tensor& truth, const std::string& name) {
  check_field(flow);
  check_field(truth);
  if (flow.shape() != truth.shape()) {
    fail(ErrorKind::input, "{}: is a field of {} x {}, to be compared with one of {} x {}", name,
         truth.dim(1), truth.dim(0), flow.dim(1), flow.dim(0));
  }
  FlowErrors errors;
  const float *a = flow.data<float>(), *b = truth.data<float>();
  for (std::int64_t i = 0; i < flow.size(); i += 2) {
    if (!known(b + i)) continue;
    const double u = a[i], v = a[i + 1], tu = b[i], tv = b[i + 1];
    const double cosine =
        (1 + u * tu + v * tv) / std::sqrt((1 + u * u + v * v) * (1 + tu * tu + tv * tv));
    errors.epe += std::hypot(u - tu, v - tv);
    errors.aae += std::acos(std::clamp(cosine, -1.0, 1.0)) * 180 / std::numbers::pi;
    ++errors.pixels;
  }
  if (errors.pixels == 0) fail(ErrorKind::input, "{}: knows no flow at all", name);
  errors.epe /= static_cast<double>(errors.pixels);
  errors.aae /= static_cast<double>(errors.pixels);
  return errors;
}

Tensor colour(const Tensor& flow, double longest) {
  check_field(flow);
  static const auto wheel = make_wheel();
  const auto count = static_cast<double>(wheel.size());
  Tensor picture({flow.dim(0), flow.dim(1), 3}, Dtype::u8, Tag::workspace);
  const float* at = flow.data<float>();
  std::uint8_t* out = picture.data<std::uint8_t>();
  for (std::int64_t i = 0; i < flow.dim(0) * flow.dim(1); ++i, at += 2, out += 3) {
    if (!known(at)) {
      std::fill_n(out, 3, std::uint8_t{0});
      continue;
    }
    const double u = at[0] / longest, v = at[1] / longest, length = std::hypot(u, v);
    const double place = (std::atan2(-v, -u) / std::numbers::pi + 1) / 2 * (count - 1);
    const auto low = static_cast<std::size_t>(place);
    const double share = place - static_cast<double>(low);
    for (std::size_t c = 0; c < 3; ++c) {
      const double hue = (1 - share) * wheel[low][c] + share * wheel[(low + 1) % wheel.size()][c];
      const double value = length <= 1 ? 1 - length * (1 - hue) : 0.75 * hue;
      out[c] = static_cast<std::uint8_t>(255 * value);
    }
  }
  return picture;
}

double usual_length(const Tensor& flow) {
  check_field(flow);
  std::vector<float> lengths;
  const float* at = flow.data<float>();
  for (std::int64_t i = 0; i < flow.size(); i += 2) {
    if (known(at + i)) lengths.push_back(std::hypot(at[i], at[i + 1]));
  }
  if (lengths.empty()) return 0.01;
  const auto place = static_cast<std::ptrdiff_t>(0.995 * static_cast<double>(lengths.size() - 1));
  std::nth_element(lengths.begin(), lengths.begin() + place, lengths.end());
  return std::max(0.01, static_cast<double>(lengths[static_cast<std::size_t>(place)]));
}

Tensor beside(const Tensor& left, const Tensor& right) {
  require(left.rank() == 3 && right.rank() == 3 && left.dim(0) == right.dim(0), "beside: {} and {}",
          left, right);
  const std::int64_t a = left.dim(1) * 3, b = right.dim(1) * 3;
  const Tensor both({left.dim(0), left.dim(1) + right.dim(1), 3}, Dtype::u8, Tag::workspace);
  for (std::int64_t y = 0; y < left.dim(0); ++y) {
    std::uint8_t* row = both.data<std::uint8_t>() + y * (a + b);
    std::copy_n(left.data<std::uint8_t>() + y * a, a, row);
    std::copy_n(right.data<std::uint8_t>() + y * b, b, row + a);
  }
  return both;
}

double step_of(double bound) { return bound / 127; }

void quantise(std::span<const float> flow, double bound, std::span<std::uint8_t> bytes) {
  require(flow.size() == bytes.size(), "quantise: {} values, {} bytes", flow.size(), bytes.size());
  const auto scale = static_cast<float>(1 / step_of(bound));
  for (std::size_t i = 0; i < flow.size(); ++i) {
    const float value = flow[i] == flow[i] ? std::clamp(flow[i] * scale, -127.F, 127.F) : 0.F;
    bytes[i] = static_cast<std::uint8_t>(zero_byte + static_cast<int>(std::lround(value)));
  }
}

void restore(std::span<const std::uint8_t> bytes, double zero, double step, std::span<float> flow) {
  require(flow.size() == bytes.size(), "restore: {} bytes, {} values", bytes.size(), flow.size());
  for (std::size_t i = 0; i < flow.size(); ++i) {
    flow[i] = static_cast<float>((static_cast<double>(bytes[i]) - zero) * step);
  }
}

}  // namespace rn::video
