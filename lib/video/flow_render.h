// Pictures and films of flow.
#pragma once

#include <string>

#include "video/flow_file.h"

namespace rn::video {

// Errors (usage): a suffix that is none of .png, .mp4, .mkv; an output that is there already.
void check_render(const std::string& path, bool force);

// One field as PNG, beside its picture where there is one. `longest` 0: the usual length.
void render_field(const std::string& path, const Tensor& field, const Tensor& picture,
                  double longest);

// PNG: field number `chosen`; a film: all of them. Beside the pictures of `clip`, unless it is
// empty.
void render_flow(const std::string& path, const FlowFile& flow, const std::string& clip,
                 std::int64_t chosen, double longest);

}  // namespace rn::video
