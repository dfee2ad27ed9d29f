#include "video/flow_maker.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/text.h"
#include "io/file.h"
#include "video/clips.h"
#include "video/picture.h"

namespace rn::video {
namespace {

namespace fs = std::filesystem;

std::string digest_of(const std::vector<std::string>& paths) {
  io::Sha256 digest;
  std::vector<char> piece(1 << 20);
  for (const std::string& path : paths) {
    std::error_code code;
    if (!fs::exists(path, code)) fail(ErrorKind::input, "{}: no such file", path);
    if (!fs::is_regular_file(path, code)) fail(ErrorKind::input, "{}: is no regular file", path);
    std::ifstream file(path, std::ios::binary);
    while (file) {
      file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
      digest.update(
          std::as_bytes(std::span(piece.data(), static_cast<std::size_t>(file.gcount()))));
    }
    if (!file.eof()) fail(ErrorKind::input, "{}: cannot be read", path);
  }
  return digest.hex();
}

// Fields that are made at a time: enough for every thread, few enough for memory.
std::int64_t fields_at_a_time(const ClipInfo& info) {
  constexpr std::int64_t bytes = std::int64_t{1} << 28;
  return std::clamp<std::int64_t>(bytes / (12 * info.height * info.width), 1, 16);
}

}  // namespace

void flow_on(Device device, const ops::TvL1& method, const Tensor& from, const Tensor& to,
             const Tensor& flow) {
  if (device.is_cpu()) return ops::tv_l1_flow(method, from, to, flow);
  const Tensor there(flow.shape(), flow.dtype(), flow.tag(), device);
  ops::tv_l1_flow(method, from.on(device), to.on(device), there, default_stream(device));
  flow.copy_from(there);
}

FlowHead FlowMaker::head_of(const std::string& path,
                            const std::vector<std::string>& sources) const {
  FlowHead head;
  head.options = run_.options;
  head.source = fs::path(path).filename().string();
  head.digest = digest_of(sources);
  return head;
}

bool FlowMaker::count(const std::string& path, FlowHead& head) {
  const Counted counted =
      count_frames(path, run_.options.short_side, run_.options.stride, [&] { return stopped(); });
  if (stopped_) return false;
  if (counted.frames < 2) {
    fail(ErrorKind::input, "{}: has one picture{}; a flow needs two", path,
         run_.options.stride > 1 ? fmt::format(" at stride {}", run_.options.stride) : "");
  }
  head.clip = counted.info;
  head.fields = counted.frames - 1;
  return true;
}

bool FlowMaker::up_to_date(const std::string& path, const FlowHead& wanted, bool in_set) const {
  std::error_code code;
  if (path.empty() || path == "-" || run_.force || !fs::is_regular_file(path, code)) return false;
  std::optional<FlowFile> there;
  try {
    there.emplace(FlowFile::open(path));
  } catch (const Error& error) {
    fail(ErrorKind::usage, "{}: exists and is no flow; --force replaces it", path);
  }
  if (there->head().digest != wanted.digest) {
    if (in_set) return false;
    const std::string& source = there->head().source;
    fail(ErrorKind::usage, "{}: is the flow of {}{}; --force makes it anew", path,
         source == wanted.source ? "another " : "", printable(source));
  }
  const std::string differs = difference(there->head().options, wanted.options);
  if (!differs.empty()) {
    fail(ErrorKind::usage, "{}: was made with {}; --force makes it anew", path, differs);
  }
  return true;
}

std::optional<FlowFile> FlowMaker::compute(const std::string& path, const FlowHead& head) {
  FlowFile flow = FlowFile::create(head);
  Clip clip(path, head.options.short_side, head.options.stride);
  const std::int64_t h = head.clip.height, w = head.clip.width,
                     most = std::min(fields_at_a_time(head.clip), head.fields);
  Tensor brightness({most + 1, h, w}, Dtype::f32, Tag::input),
      fields({most, h, w, 2}, Dtype::f32, Tag::activation);
  const auto take = [&](std::int64_t at) {
    const Tensor picture = clip.next();
    if (!picture) fail(ErrorKind::input, "{}: changed while it was read", path);
    to_brightness(picture, brightness.data<float>() + at * h * w);
  };
  take(0);
  if (run_.progress) {
    run_.progress->begin({.what = head.source, .total = head.fields, .item = "frames"});
  }
  for (std::int64_t done = 0; done < head.fields;) {
    const std::int64_t now = std::min(most, head.fields - done);
    for (std::int64_t i = 1; i <= now; ++i) take(i);
    const Tensor part = fields.slice(0, now);
    flow_on(run_.device, head.options.method, brightness.slice(0, now),
            brightness.slice(1, now + 1), part);
    flow.write(done, part);
    std::copy_n(brightness.data<float>() + now * h * w, h * w, brightness.data<float>());
    done += now;
    if (run_.progress) run_.progress->advance(done);
    if (done < head.fields && stopped()) {
      if (run_.progress) run_.progress->end();
      return {};
    }
  }
  if (run_.progress) run_.progress->end();
  fields_ += head.fields;
  return flow;
}

void FlowMaker::save(FlowFile& flow, const std::string& path,
                     const std::vector<std::string>& sources) const {
  io::Provenance provenance = run_.provenance;
  for (const auto& library : libraries()) provenance.libraries.push_back(library);
  for (const std::string& source : sources) {
    provenance.inputs.push_back({source, digest_of({source})});
  }
  io::write(flow.file(), provenance, run_.volatile_provenance);
  io::write_file(path, flow.file().image());
}

bool FlowMaker::stopped() {
  stopped_ = stopped_ || (run_.stop && run_.stop());
  return stopped_;
}

}  // namespace rn::video
