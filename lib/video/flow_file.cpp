#include "video/flow_file.h"

#include <cmath>
#include <span>
#include <vector>

#include "base/error.h"
#include "io/schema.h"
#include "video/flow_field.h"

namespace rn::video {
namespace {

namespace schema = io::schema;
constexpr const char* kind = "flow";
constexpr const char* fields = "flow";    // the data set
constexpr const char* method = "method";  // group of the parameters
constexpr const char* source = "source";  // group of what the clip is

struct Real {
  const char* name;
  double ops::TvL1::*value;
};
constexpr Real reals[] = {{"tau", &ops::TvL1::tau},
                          {"lambda", &ops::TvL1::lambda},
                          {"theta", &ops::TvL1::theta},
                          {"epsilon", &ops::TvL1::epsilon},
                          {"scale_step", &ops::TvL1::scale_step}};
struct Whole {
  const char* name;
  int ops::TvL1::*value;
};
constexpr Whole wholes[] = {{"scales", &ops::TvL1::scales},
                            {"warps", &ops::TvL1::warps},
                            {"outer", &ops::TvL1::outer},
                            {"inner", &ops::TvL1::inner},
                            {"median", &ops::TvL1::median}};

}  // namespace

std::string difference(const FlowOptions& have, const FlowOptions& want) {
  const auto differs = [](const char* name, const auto& a, const auto& b) {
    return fmt::format("{} {} instead of {}", name, a, b);
  };
  for (const Real& real : reals) {
    const double a = have.method.*real.value, b = want.method.*real.value;
    if (a != b) return differs(real.name, a, b);
  }
  for (const Whole& whole : wholes) {
    const int a = have.method.*whole.value, b = want.method.*whole.value;
    if (a != b) return differs(whole.name, a, b);
  }
  if (have.short_side != want.short_side) {
    return differs("short side", have.short_side, want.short_side);
  }
  if (have.stride != want.stride) return differs("stride", have.stride, want.stride);
  if (have.floats != want.floats) {
    const char* const names[] = {"bytes", "floats"};
    return differs("stored as", names[have.floats], names[want.floats]);
  }
  if (!have.floats && have.bound != want.bound) return differs("bound", have.bound, want.bound);
  return {};
}

FlowFile FlowFile::create(const FlowHead& head) {
  io::H5 file = io::H5::create();
  const FlowOptions& o = head.options;
  schema::mark(file, schema::Format::result);
  file.set("/", schema::kind_attribute, kind);
  file.create_rows(fields, {head.fields, head.clip.height, head.clip.width, 2},
                   o.floats ? Dtype::f32 : Dtype::u8, 1);
  file.set(fields, "units", "pixels");
  if (!o.floats) {
    file.set(fields, "bound", o.bound);
    file.set(fields, "zero", static_cast<double>(zero_byte));
    file.set(fields, "step", step_of(o.bound));
  }
  file.set(method, "name", "tv-l1");
  for (const Real& real : reals) file.set(method, real.name, o.method.*real.value);
  for (const Whole& whole : wholes) {
    file.set(method, whole.name, std::int64_t{o.method.*whole.value});
  }
  file.set(source, "name", head.source);
  file.set(source, "sha256", head.digest);
  file.set(source, "codec", head.clip.codec);
  file.set(source, "rate", head.clip.rate);
  file.set(source, "height", head.clip.source_height);
  file.set(source, "width", head.clip.source_width);
  file.set(source, "short_side", std::int64_t{o.short_side});
  file.set(source, "stride", std::int64_t{o.stride});
  return {std::move(file), head};
}

bool is_flow(const io::H5& file) {
  return schema::identify(file) == schema::Format::result &&
         file.get_string("/", schema::kind_attribute) == kind;
}

FlowFile FlowFile::open(const std::string& path) {
  io::H5 file = io::H5::open(path, "a result of video-flow");
  if (!is_flow(file)) {
    fail(ErrorKind::input, "{}: is no flow; expected a result of video-flow", file.name());
  }
  FlowHead head;
  FlowOptions& o = head.options;
  const Shape shape = file.shape(fields);
  const Dtype dtype = file.dtype(fields);
  o.floats = dtype == Dtype::f32;
  if (shape.size() != 4 || shape[3] != 2 || shape[1] < 1 || shape[2] < 1 ||
      (!o.floats && dtype != Dtype::u8)) {
    fail(ErrorKind::input, "{}: /{} is {} {}; expected uint8 or float32 [N, H, W, 2]", file.name(),
         fields, to_string(dtype), to_string(shape));
  }
  const auto number = [&](const char* group, const char* name, std::int64_t least) {
    const std::int64_t value = file.get_int(group, name);
    if (value < least || value > 1'000'000'000) {
      fail(ErrorKind::input, "{}: {} of /{} is {}", file.name(), name, group, value);
    }
    return value;
  };
  head.fields = shape[0];
  head.clip.height = shape[1];
  head.clip.width = shape[2];
  if (!o.floats) {
    o.bound = file.get_double(fields, "bound");
    const double zero = file.get_double(fields, "zero"), step = file.get_double(fields, "step");
    if (!(o.bound > 0) || !std::isfinite(zero) || !std::isfinite(step)) {
      fail(ErrorKind::input, "{}: bytes of /{} stand for bound {}, zero {}, step {}", file.name(),
           fields, o.bound, zero, step);
    }
  }
  for (const Real& real : reals) o.method.*real.value = file.get_double(method, real.name);
  for (const Whole& whole : wholes) {
    o.method.*whole.value = static_cast<int>(number(method, whole.name, 0));
  }
  head.source = file.get_string(source, "name");
  head.digest = file.get_string(source, "sha256");
  head.clip.codec = file.get_string(source, "codec");
  head.clip.rate = file.get_double(source, "rate");
  head.clip.source_height = number(source, "height", 1);
  head.clip.source_width = number(source, "width", 1);
  o.short_side = static_cast<int>(number(source, "short_side", 0));
  o.stride = static_cast<int>(number(source, "stride", 1));
  return {std::move(file), std::move(head)};
}

void FlowFile::write(std::int64_t first, const Tensor& flow) {
  if (head_.options.floats) return file_.write_rows(fields, first, flow);
  Tensor bytes(flow.shape(), Dtype::u8, Tag::workspace);
  quantise(flow.span<float>(), head_.options.bound, bytes.span<std::uint8_t>());
  file_.write_rows(fields, first, bytes);
}

Tensor FlowFile::read(std::int64_t first, std::int64_t count) const {
  const Shape shape{count, head_.clip.height, head_.clip.width, 2};
  Tensor flow(shape, Dtype::f32, Tag::input);
  if (head_.options.floats) {
    file_.read_rows(fields, first, flow);
    return flow;
  }
  const Tensor bytes(shape, Dtype::u8, Tag::input);
  file_.read_rows(fields, first, bytes);
  restore(bytes.span<std::uint8_t>(), file_.get_double(fields, "zero"),
          file_.get_double(fields, "step"), flow.span<float>());
  return flow;
}

}  // namespace rn::video
