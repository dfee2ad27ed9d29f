// What is in a result of a study: the part of resnet-info that lib/train does not know.
#pragma once

#include <string>

#include "io/h5.h"
#include "io/json.h"

namespace rn::study {

// Whether the file is a result that the functions below read.
bool knows(const io::H5& file);

// What was studied, on what, how, and what came out. Shards and unfinished studies say so. Errors
// (input): damaged.
std::string describe_text(const io::H5& file);
io::Json describe_json(const io::H5& file);

}  // namespace rn::study
