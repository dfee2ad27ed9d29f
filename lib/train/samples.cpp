#include "train/samples.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"

namespace rn::train {
namespace {

// The images that training set aside, cut again from the training data.
Samples validation_of_training(const std::string& uri, const ModelFile& file,
                               const std::string& model) {
  if (!file.training || file.training->val_images == 0) {
    fail(ErrorKind::usage, "--split val: {} has no val split, and {} was trained without one", uri,
         model);
  }
  const TrainingState& training = *file.training;
  Samples samples;
  samples.source = data::open_source(uri, data::Split::train, training.source_images);
  const data::Info& info = samples.source->info();
  if (info.digest != file.data_digest) {
    warn("{} is not the data that {} was trained on: its val split may be another", uri, model);
  }
  samples.indices = data::split_validation(info.count, training.val_images, training.seed).val;
  return samples;
}

}  // namespace

std::string data_uri(const std::string& uri, const ModelFile& file, const std::string& model) {
  if (!uri.empty()) return uri;
  if (file.data_uri.starts_with("synth:")) return file.data_uri;
  fail(ErrorKind::usage, "on what data? {} was not trained on built-in data: give --data URI",
       model);
}

bool names_differ(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  const auto generic = [](const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].ends_with(std::to_string(i))) return false;
    }
    return true;
  };
  return some != others && !generic(some) && !generic(others);
}

Samples open_samples(const std::string& uri, data::Split split, std::int64_t limit,
                     const ModelFile& file, const std::string& model) {
  Samples samples;
  const std::vector<data::Split> own = data::source_splits(uri);
  const bool has = std::find(own.begin(), own.end(), split) != own.end();
  if (split == data::Split::val && !has) {
    samples = validation_of_training(uri, file, model);
  } else {
    samples.source = data::open_source(uri, split, limit);
    samples.indices.resize(static_cast<std::size_t>(samples.source->info().count));
    std::iota(samples.indices.begin(), samples.indices.end(), std::int64_t{0});
  }
  if (limit >= 0 && static_cast<std::int64_t>(samples.indices.size()) > limit) {
    samples.indices.resize(static_cast<std::size_t>(limit));
  }
  if (samples.indices.empty()) {
    fail(ErrorKind::input, "{}: its {} split is empty", uri, to_string(split));
  }
  const data::Info& info = samples.source->info();
  if (info.classes() == file.spec.classes && names_differ(file.class_names, info.class_names)) {
    warn("{} and the model {} name their classes differently: is this what it was trained on?", uri,
         model);
  }
  return samples;
}

}  // namespace rn::train
