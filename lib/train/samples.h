// The images that a model is asked about: a split of a data set, or what training set aside.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/source.h"
#include "train/model_file.h"

namespace rn::train {

struct Samples {
  std::unique_ptr<data::Source> source;
  std::vector<std::int64_t> indices;
};

// `uri`, or where it is empty what the model was trained on, if that is built in. `model` names the
// model in messages. Errors (usage): there is none.
std::string data_uri(const std::string& uri, const ModelFile& file, const std::string& model);

// Whether two lists of class names contradict each other; names that only count ("0", "class7")
// say nothing.
bool names_differ(const std::vector<std::string>& some, const std::vector<std::string>& others);

// limit: the first N, -1 for all. A val split that the data has not is cut again from the training
// data, as training did. Warns of classes with other names than the model's. Errors: usage, input
// (nothing in it).
Samples open_samples(const std::string& uri, data::Split split, std::int64_t limit,
                     const ModelFile& file, const std::string& model);

}  // namespace rn::train
