// What video-flow says it did.
#include "video/flow_run.h"

namespace rn::video {
namespace {

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

}  // namespace rn::video
