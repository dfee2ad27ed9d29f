// Sound results of studies, whole and as shards: what readers of results meet, made without a
// network.
#pragma once

#include <vector>

#include "fuzz/h5_images.h"
#include "study/lesion_result.h"
#include "study/paths_result.h"

namespace rn::fuzz {

study::LesionResult lesion_result(study::Study kind, study::Shard shard = {});
// The spectrum with everything that can be asked for, and sampled paths.
study::PathsResult paths_result(study::Shard shard = {});

// Each kind of study, whole and one shard of two.
const std::vector<io::Bytes>& result_images();

// One of them, whole or not, in the newer layout or the older, changed by as many hostile strokes
// as there are choices: those of hostile_image(), and single numbers.
io::Bytes hostile_result(Choices& choices);

}  // namespace rn::fuzz
