// What describe*.cpp share.
#pragma once

#include "io/provenance.h"
#include "train/describe.h"

namespace rn::train {

std::string describe_model_text(const io::H5& file, const DescribeOptions& options);
io::Json describe_model_json(const io::H5& file, const DescribeOptions& options);

std::string maker_line(const io::Provenance& provenance);
std::string provenance_text(const io::Provenance& provenance);  // "name<tab>value" lines
io::Json provenance_json(const io::Provenance& provenance);

}  // namespace rn::train
