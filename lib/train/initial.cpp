#include "train/initial.h"

#include <algorithm>

#include "base/log.h"
#include "io/schema.h"
#include "train/samples.h"

namespace rn::train {
namespace {

bool of_head(const nn::Parameter& parameter) { return parameter.name.starts_with("head.linear."); }

}  // namespace

LoadedModel load_initial(const std::string& path, Dtype dtype, std::string& digest) {
  const io::schema::Digested opened = io::schema::open_digested(path, io::schema::Format::model);
  digest = opened.digest;
  return load_model(opened.file, dtype);
}

models::NetworkSpec initial_spec(const ModelFile& initial, const data::Info& info, bool reset_head,
                                 bool keep_normalization) {
  models::NetworkSpec spec = initial.spec;
  if (info.channels != spec.channels) {
    fail(ErrorKind::input, "{} has images of {} channels, the model {} takes {}", info.uri,
         info.channels, spec.arch, spec.channels);
  }
  const bool other_size = info.height != spec.height || info.width != spec.width;
  if (other_size && keep_normalization && initial.normalization.mean_image) {
    fail(
        ErrorKind::input,
        "{} has images of {}x{}, the model {} subtracts a mean image of {}x{}; --normalize channel "
        "measures anew",
        info.uri, info.height, info.width, spec.arch, spec.height, spec.width);
  }
  if (other_size) {
    rn::info("the model {} was made for images of {}x{}; these are {}x{}", spec.arch, spec.height,
             spec.width, info.height, info.width);
  }
  spec.height = info.height;
  spec.width = info.width;
  if (!reset_head) {
    if (info.classes() != spec.classes) {
      fail(ErrorKind::input,
           "{} has {} classes, the model {} has {}; --reset-head makes a new last layer", info.uri,
           info.classes(), spec.arch, spec.classes);
    }
    if (names_differ(initial.class_names, info.class_names)) {
      warn(
          "{} and the model {} name their classes differently; --reset-head makes a new last layer",
          info.uri, spec.arch);
    }
  }
  spec.classes = info.classes();
  models::check(spec);
  return spec;
}

void take_over(const models::Network& from, models::Network& to, bool reset_head) {
  const auto &sources = from.store().parameters(), &targets = to.store().parameters();
  require(sources.size() == targets.size(), "take_over: {} parameters for {}", sources.size(),
          targets.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    require(sources[i]->name == targets[i]->name, "take_over: {} for {}", sources[i]->name,
            targets[i]->name);
    if (reset_head && of_head(*targets[i])) continue;
    targets[i]->value.copy_from(sources[i]->value);
  }
  const auto &states = from.store().states(), &wanted = to.store().states();
  for (std::size_t i = 0; i < states.size(); ++i) wanted[i]->value.copy_from(states[i]->value);
}

std::map<std::string, std::int64_t> batches_before(const ModelFile& initial,
                                                   const models::Network& network) {
  std::map<std::string, std::int64_t> batches = initial.norm_batches;
  const std::int64_t steps = initial.training ? initial.training->step : 0;
  if (steps == 0) return batches;
  for (const std::string& norm : norms_of(network)) {
    std::int64_t& count = batches[norm];
    count = std::min(steps, ModelFile::most_batches - count) + count;
  }
  return batches;
}

}  // namespace rn::train
