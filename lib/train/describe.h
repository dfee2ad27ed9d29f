// What is in a file: a model, a result, a data set. The doing of resnet-info.
#pragma once

#include <string>

#include "io/h5.h"
#include "io/json.h"

namespace rn::train {

struct DescribeOptions {
  bool blocks = false;      // the block table of a model
  bool parameters = false;  // of a model: every tensor, with moments and the count of values that
                            // are not finite
  bool provenance = false;
};

// A summary for people when no part is asked for, else the parts alone: tables of tab-separated
// values with a header; provenance as "name<tab>value" lines. Everything is read and checked, and
// values that are not finite are warned of. Errors: input; usage (blocks of what is no model).
std::string describe_text(const io::H5& file, const DescribeOptions& options);

// The summary as an object, with the parts asked for.
io::Json describe_json(const io::H5& file, const DescribeOptions& options);

}  // namespace rn::train
