#include "video/flow_run.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "io/file.h"
#include "video/clips.h"
#include "video/flow_render.h"
#include "video/picture.h"

namespace rn::video {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

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

// tv_l1_flow of CPU tensors, computed on `device`.
void flow_on(Device device, const ops::TvL1& method, const Tensor& from, const Tensor& to,
             const Tensor& flow) {
  if (device.is_cpu()) return ops::tv_l1_flow(method, from, to, flow);
  const Tensor there(flow.shape(), flow.dtype(), flow.tag(), device);
  ops::tv_l1_flow(method, from.on(device), to.on(device), there, default_stream(device));
  flow.copy_from(there);
}

class Runner {
 public:
  explicit Runner(const FlowRun& run) : run_(run) {}

  FlowOutcome go() {
    const auto start = Clock::now();
    check_parameters();
    const bool one = run_.inputs.size() == 1;
    const std::string& first = run_.inputs.front();
    if (one && (ends_with(first, ".flo") || ends_with(first, ".h5") || first == "-")) {
      existing(first);
    } else if (run_.inputs.size() == 2 && is_picture(first) && is_picture(run_.inputs[1])) {
      pair();
    } else if (one && is_picture(first)) {
      fail(ErrorKind::usage, "{}: one picture has no flow; give two, or a clip", first);
    } else if (one && !is_folder(first) && !is_list(first)) {
      clip(first);
    } else {
      several();
    }
    outcome_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::move(outcome_);
  }

 private:
  void check_parameters() const {
    // What the op would refuse, but before any work, and as a matter of options.
    const ops::TvL1& m = run_.options.method;
    if (m.median != 1 && m.median != 3 && m.median != 5) {
      fail(ErrorKind::usage, "--median {}: 1 (none), 3 or 5", m.median);
    }
    const Tensor nothing({0, 1, 1}, Dtype::f32, Tag::input);
    try {
      ops::tv_l1_flow(m, nothing, nothing, Tensor({0, 1, 1, 2}, Dtype::f32, Tag::input));
    } catch (const Error& error) {
      fail(ErrorKind::usage, "{}", error.what());
    }
  }
  bool stopped() {
    outcome_.stopped = outcome_.stopped || (run_.stop && run_.stop());
    return outcome_.stopped;
  }
  bool to_flo() const { return ends_with(run_.output, ".flo"); }

  void check_single_output() const {
    if (run_.output.empty() && run_.render.empty() && run_.truth.empty() && !run_.dry_run) {
      fail(ErrorKind::usage, "nothing to make: give -o FILE, --render FILE or --compare FILE");
    }
    check_render(run_.render, run_.force);
  }

  // An output that is there and may stay. Errors (usage): another kind of file, other options, flow
  // of another clip: in a set, whose files are called as their clips, that has changed since.
  bool up_to_date(const std::string& path, const FlowHead& wanted, bool in_set) const {
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

  void save(FlowFile& flow, const std::string& path, const std::vector<std::string>& sources) {
    io::Provenance provenance = run_.provenance;
    for (const auto& library : libraries()) provenance.libraries.push_back(library);
    for (const std::string& source : sources) {
      provenance.inputs.push_back({source, digest_of({source})});
    }
    io::write(flow.file(), provenance, run_.volatile_provenance);
    io::write_file(path, flow.file().image());
  }

  // Everything but the writing of one clip; nothing when it was stopped.
  std::optional<FlowFile> compute(const std::string& path, const FlowHead& head) {
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
    outcome_.fields += head.fields;
    return flow;
  }

  FlowHead head_of(const std::string& path, const std::vector<std::string>& sources) const {
    FlowHead head;
    head.options = run_.options;
    head.source = fs::path(path).filename().string();
    head.digest = digest_of(sources);
    return head;
  }

  // Errors (input): fewer than two pictures.
  bool count(const std::string& path, FlowHead& head) {
    const Counted counted =
        count_frames(path, run_.options.short_side, run_.options.stride, [&] { return stopped(); });
    if (outcome_.stopped) return false;
    if (counted.frames < 2) {
      fail(ErrorKind::input, "{}: has one picture{}; a flow needs two", path,
           run_.options.stride > 1 ? fmt::format(" at stride {}", run_.options.stride) : "");
    }
    head.clip = counted.info;
    head.fields = counted.frames - 1;
    return true;
  }

  void clip(const std::string& path) {
    check_single_output();
    std::string output = run_.output;
    if (!output.empty() && (is_folder(output) || output.back() == '/')) return several();
    outcome_.clips = 1;
    FlowHead head = head_of(path, {path});
    if (!to_flo() && up_to_date(output, head, false)) {
      FlowFile there = FlowFile::open(output);
      outcome_.unchanged = 1;
      finish(there.head(), there, path);
      return;
    }
    if (!output.empty()) io::check_output(output, run_.force);
    if (!count(path, head)) return;
    outcome_.head = head;
    check_field(head.fields);
    if (run_.dry_run) return;
    std::optional<FlowFile> flow = compute(path, head);
    if (!flow) return;
    outcome_.made = 1;
    if (!output.empty() && !to_flo()) save(*flow, output, {path});
    finish(head, *flow, path);
  }

  // Which field is meant where one is.
  std::int64_t chosen(std::int64_t fields) const {
    return run_.field >= 0 ? run_.field : fields / 2;
  }
  void check_field(std::int64_t fields) const {
    if (run_.field >= fields) {
      fail(ErrorKind::usage, "--field {}: there are {}, counted from 0", run_.field, fields);
    }
    if (run_.field >= 0 || fields == 1) return;
    if (to_flo() || !run_.truth.empty()) {
      fail(ErrorKind::usage,
           "{}: the clip has {} fields, and a .flo file is one; --field N says which",
           to_flo() ? run_.output : run_.truth, fields);
    }
  }

  void finish(const FlowHead& head, const FlowFile& flow, const std::string& clip) {
    outcome_.head = head;
    check_field(head.fields);
    const auto field = [&] {
      return flow.read(chosen(head.fields), 1).reshape({head.clip.height, head.clip.width, 2});
    };
    if (to_flo()) io::write_file(run_.output, encode_flo(field()));
    if (!run_.truth.empty()) outcome_.errors = compare(field(), read_flo(run_.truth), run_.truth);
    if (!run_.render.empty()) {
      render_flow(run_.render, flow, clip, chosen(head.fields), run_.longest);
    }
  }

  void pair() {
    check_single_output();
    if (!run_.output.empty()) io::check_output(run_.output, run_.force);
    const Tensor first = read_picture(run_.inputs[0], run_.options.short_side),
                 second = read_picture(run_.inputs[1], run_.options.short_side);
    if (first.shape() != second.shape()) {
      fail(ErrorKind::input, "{}: is {} x {}, but {} is {} x {}", run_.inputs[1], second.dim(1),
           second.dim(0), run_.inputs[0], first.dim(1), first.dim(0));
    }
    FlowHead head = head_of(run_.inputs[0], run_.inputs);
    head.clip = Clip(run_.inputs[0], run_.options.short_side).info();
    head.clip.rate = 0;
    head.fields = 1;
    outcome_.clips = 1;
    outcome_.head = head;
    check_field(1);
    if (run_.dry_run) return;
    const std::int64_t h = head.clip.height, w = head.clip.width;
    Tensor brightness({2, h, w}, Dtype::f32, Tag::input),
        field({1, h, w, 2}, Dtype::f32, Tag::activation);
    to_brightness(first, brightness.data<float>());
    to_brightness(second, brightness.data<float>() + h * w);
    flow_on(run_.device, head.options.method, brightness.slice(0, 1), brightness.slice(1, 2),
            field);
    outcome_.made = outcome_.fields = 1;
    const Tensor flat = field.reshape({h, w, 2});
    if (to_flo()) {
      io::write_file(run_.output, encode_flo(flat));
    } else if (!run_.output.empty()) {
      FlowFile flow = FlowFile::create(head);
      flow.write(0, field);
      save(flow, run_.output, run_.inputs);
    }
    if (!run_.truth.empty()) outcome_.errors = compare(flat, read_flo(run_.truth), run_.truth);
    if (!run_.render.empty()) render_field(run_.render, flat, first, run_.longest);
  }

  void existing(const std::string& path) {
    std::optional<FlowFile> flow;
    Tensor field;
    if (ends_with(path, ".flo")) {
      field = read_flo(path);
    } else {
      flow.emplace(FlowFile::open(path));
    }
    if (!run_.output.empty() && !to_flo()) {
      fail(ErrorKind::usage, "{}: is flow already; -o FILE.flo takes a field out of it", path);
    }
    check_single_output();
    if (!run_.output.empty()) io::check_output(run_.output, run_.force);
    if (flow) {
      if (!run_.dry_run) finish(flow->head(), *flow, "");
      return;
    }
    check_field(1);
    if (run_.dry_run) return;
    if (to_flo()) io::write_file(run_.output, encode_flo(field));
    if (!run_.truth.empty()) outcome_.errors = compare(field, read_flo(run_.truth), run_.truth);
    if (!run_.render.empty()) render_field(run_.render, field, {}, run_.longest);
  }

  void several() {
    outcome_.several = true;
    if (!run_.render.empty() || !run_.truth.empty() || run_.field >= 0) {
      fail(ErrorKind::usage, "--render, --compare and --field are for one clip");
    }
    std::error_code code;
    const bool there = fs::exists(run_.output, code);
    if (run_.output.empty() || run_.output == "-" || to_flo() || ends_with(run_.output, ".h5") ||
        (there && !is_folder(run_.output))) {
      fail(ErrorKind::usage, "-o {}: several clips go into a folder, each into its own file",
           run_.output);
    }
    const std::vector<ClipName> clips = find_clips(run_.inputs);
    for (std::size_t i = static_cast<std::size_t>(run_.shard); i < clips.size();
         i += static_cast<std::size_t>(run_.shards)) {
      ++outcome_.clips;
      try {
        one_of_several(clips[i]);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::input || run_.strict) throw;
        warn("skipped: {}", error.what());
        outcome_.skipped.push_back({clips[i].path, error.what()});
      }
      if (stopped()) return;
    }
  }

  void one_of_several(const ClipName& clip) {
    FlowHead head = head_of(clip.path, {clip.path});
    const fs::path output = fs::path(run_.output) / (clip.name + ".h5");
    if (up_to_date(output.string(), head, true)) {
      ++outcome_.unchanged;
      return;
    }
    if (!count(clip.path, head)) return;
    if (run_.dry_run) {
      outcome_.fields += head.fields;
      return;
    }
    std::error_code code;
    fs::create_directories(output.parent_path(), code);
    if (code) {
      fail(ErrorKind::failed, "{}: cannot be made: {}", output.parent_path().string(),
           code.message());
    }
    std::optional<FlowFile> flow = compute(clip.path, head);
    if (!flow) return;
    save(*flow, output.string(), {clip.path});
    ++outcome_.made;
    if (run_.progress) {
      run_.progress->line(fmt::format("{}  {} fields", output.string(), head.fields));
    }
  }

  const FlowRun& run_;
  FlowOutcome outcome_;
};

std::string plural(std::int64_t count, const char* one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

}  // namespace

std::string FlowOutcome::text() const {
  std::string out;
  if (head) {
    out += fmt::format("{}: {} of {} x {}\n", head->source, plural(head->fields, "field"),
                       head->clip.width, head->clip.height);
  }
  if (errors) {
    out += fmt::format("end-point error {:.4f} px, angular error {:.3f} degrees over {} pixels\n",
                       errors->epe, errors->aae, errors->pixels);
  }
  if (several) {
    out += fmt::format("{}: {} made ({}, {:.1f} frames/s), {} unchanged, {} skipped\n",
                       plural(clips, "clip"), made, plural(fields, "field"),
                       seconds > 0 ? static_cast<double>(fields) / seconds : 0, unchanged,
                       skipped.size());
  }
  return out;
}

io::Json FlowOutcome::json() const {
  io::Json json;
  json.add("clips", clips).add("made", made).add("unchanged", unchanged).add("fields", fields);
  std::vector<io::Json> bad;
  for (const Skipped& clip : skipped) {
    bad.push_back(io::Json().add("path", clip.path).add("why", clip.why));
  }
  json.add("skipped", bad).add("seconds", seconds);
  if (head) {
    json.add("source", head->source)
        .add("height", head->clip.height)
        .add("width", head->clip.width)
        .add("rate", head->clip.rate);
  }
  if (errors) json.add("epe", errors->epe).add("aae", errors->aae).add("pixels", errors->pixels);
  return json;
}

FlowOutcome run_flow(const FlowRun& run) { return Runner(run).go(); }

}  // namespace rn::video
