#include "video/flow_render.h"

#include <algorithm>

#include "base/error.h"
#include "io/file.h"
#include "video/flow_field.h"
#include "video/picture.h"

namespace rn::video {
namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool is_film(const std::string& path) { return ends_with(path, ".mp4") || ends_with(path, ".mkv"); }

Tensor field_of(const FlowFile& flow, std::int64_t at) {
  const Shape shape = flow.shape();
  return flow.read(at, 1).reshape({shape[1], shape[2], 2});
}

Tensor picture_of(const Tensor& field, const Tensor& picture, double longest) {
  const Tensor colours = colour(field, longest);
  return picture ? beside(picture, colours) : colours;
}

}  // namespace

void check_render(const std::string& path, bool force) {
  if (path.empty()) return;
  if (!ends_with(path, ".png") && !is_film(path)) {
    fail(ErrorKind::usage, "--render {}: pictures are .png, films .mp4 or .mkv", path);
  }
  io::check_output(path, force);
}

void render_field(const std::string& path, const Tensor& field, const Tensor& picture,
                  double longest) {
  if (is_film(path)) fail(ErrorKind::usage, "--render {}: one field is no film; use .png", path);
  if (longest <= 0) longest = usual_length(field);
  io::write_file(path, encode_png(picture_of(field, picture, longest)));
}

void render_flow(const std::string& path, const FlowFile& flow, const std::string& clip,
                 std::int64_t chosen, double longest) {
  const FlowHead& head = flow.head();
  std::unique_ptr<Clip> pictures;
  if (!clip.empty()) {
    pictures = std::make_unique<Clip>(clip, head.options.short_side, head.options.stride);
  }
  const auto next = [&] { return pictures ? pictures->next() : Tensor(); };
  if (!is_film(path)) {
    Tensor picture = next();
    for (std::int64_t i = 0; i < chosen; ++i) picture = next();
    return render_field(path, field_of(flow, chosen), picture, longest);
  }
  if (longest <= 0) {
    // One scale for the whole film, that its most moving field fits.
    for (std::int64_t i = 0; i < head.fields; ++i) {
      longest = std::max(longest, usual_length(field_of(flow, i)));
    }
  }
  std::unique_ptr<Film> film;
  for (std::int64_t i = 0; i < head.fields; ++i) {
    const Tensor picture = even(picture_of(field_of(flow, i), next(), longest));
    if (!film) {
      film = std::make_unique<Film>(path, picture.dim(0), picture.dim(1), head.clip.rate);
    }
    film->add(picture);
  }
  if (film) io::write_file(path, film->finish());
}

}  // namespace rn::video
