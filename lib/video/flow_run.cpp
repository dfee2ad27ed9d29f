#include "video/flow_run.h"

#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "io/file.h"
#include "video/clips.h"
#include "video/flow_maker.h"
#include "video/flow_render.h"
#include "video/picture.h"

namespace rn::video {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

class Runner {
 public:
  explicit Runner(const FlowRun& run) : run_(run), maker_(run) {}

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
    outcome_.fields += maker_.fields();
    outcome_.stopped = maker_.was_stopped();
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
  bool to_flo() const { return ends_with(run_.output, ".flo"); }

  void check_single_output() const {
    if (run_.output.empty() && run_.render.empty() && run_.truth.empty() && !run_.dry_run) {
      fail(ErrorKind::usage, "nothing to make: give -o FILE, --render FILE or --compare FILE");
    }
    check_render(run_.render, run_.force);
  }

  void clip(const std::string& path) {
    check_single_output();
    std::string output = run_.output;
    if (!output.empty() && (is_folder(output) || output.back() == '/')) return several();
    outcome_.clips = 1;
    FlowHead head = maker_.head_of(path, {path});
    if (!to_flo() && maker_.up_to_date(output, head, false)) {
      FlowFile there = FlowFile::open(output);
      outcome_.unchanged = 1;
      finish(there.head(), there, path);
      return;
    }
    if (!output.empty()) io::check_output(output, run_.force);
    if (!maker_.count(path, head)) return;
    outcome_.head = head;
    check_field(head.fields);
    if (run_.dry_run) return;
    std::optional<FlowFile> flow = maker_.compute(path, head);
    if (!flow) return;
    outcome_.made = 1;
    if (!output.empty() && !to_flo()) maker_.save(*flow, output, {path});
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
    FlowHead head = maker_.head_of(run_.inputs[0], run_.inputs);
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
      maker_.save(flow, run_.output, run_.inputs);
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
      if (maker_.stopped()) return;
    }
  }

  void one_of_several(const ClipName& clip) {
    FlowHead head = maker_.head_of(clip.path, {clip.path});
    const fs::path output = fs::path(run_.output) / (clip.name + ".h5");
    if (maker_.up_to_date(output.string(), head, true)) {
      ++outcome_.unchanged;
      return;
    }
    if (!maker_.count(clip.path, head)) return;
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
    std::optional<FlowFile> flow = maker_.compute(clip.path, head);
    if (!flow) return;
    maker_.save(*flow, output.string(), {clip.path});
    ++outcome_.made;
    if (run_.progress) {
      run_.progress->line(fmt::format("{}  {} fields", output.string(), head.fields));
    }
  }

  const FlowRun& run_;
  FlowMaker maker_;
  FlowOutcome outcome_;
};

}  // namespace

FlowOutcome run_flow(const FlowRun& run) { return Runner(run).go(); }

}  // namespace rn::video
