#include "study/describe.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/schema.h"
#include "study/lesion_result.h"
#include "study/memory_result.h"
#include "study/paths_result.h"
#include "train/describe_parts.h"

namespace rn::study {
namespace {

namespace schema = io::schema;

std::int64_t count_down_sampling(const LesionResult& r) {
  return std::count_if(r.blocks.begin(), r.blocks.end(),
                       [](const auto& block) { return block.downsamples; });
}

bool shares_preactivation(const LesionResult& r) {
  return std::any_of(r.blocks.begin(), r.blocks.end(),
                     [](const auto& block) { return block.shared_preactivation; });
}

std::string study_line(const LesionResult& r) {
  std::string text = fmt::format("{}, {} lesions", to_string(r.options.study), r.total - 1);
  if (r.shard.count > 1) {
    text += fmt::format("; shard {} of {}: {} of them here", r.shard.index + 1, r.shard.count,
                        r.lesions.size() - 1);
  }
  return text;
}

std::string settings_line(const LesionResult& r) {
  std::string text = fmt::format("{}, seed {}", printable(r.precision), r.options.seed);
  if (r.options.trials > 1) text += fmt::format(", {} trials", r.options.trials);
  if (r.options.study == Study::noise) text += fmt::format(", sigma {}", r.options.sigma);
  return text + (r.recalibrated > 0
                     ? fmt::format(", statistics estimated again from {} images", r.recalibrated)
                     : ", statistics as trained");
}

std::string kind_of(const io::H5& file) {
  return schema::identify(file) == schema::Format::result
             ? file.get_string("/", schema::kind_attribute)
             : "";
}

std::string shard_line(const PathsResult& r) {
  if (r.whole()) return "";
  return r.shard.count > 1
             ? fmt::format("; shard {} of {}: {} batches and {} measurements here",
                           r.shard.index + 1, r.shard.count, r.batches.size(), r.sampled.size())
             : fmt::format("; unfinished: {} batches and {} measurements", r.batches.size(),
                           r.sampled.size());
}

std::string describe_paths_text(const io::H5& file) {
  const PathsResult r = read_paths(file);
  std::string text, study;
  const auto line = [&](const char* key, const std::string& value) {
    text += fmt::format("{:<11} {}\n", key, value);
  };
  if (r.options.spectrum) study += "spectrum";
  if (r.options.sample) study += study.empty() ? "sample" : ", sample";
  line("file", file.name());
  line("format", fmt::format("{} {}, kind paths", schema::to_string(schema::Format::result),
                             file.get_int("/", schema::version_attribute)));
  line("study", (study.empty() ? "lengths" : study) + shard_line(r));
  line("model", fmt::format("{}, {} blocks; sha256 {}", printable(r.arch), r.n(),
                            printable(r.model_digest.substr(0, 16))));
  line("settings", fmt::format("{}, seed {}, statistics {}", printable(r.precision), r.options.seed,
                               r.options.exact.batch_statistics ? "of the batch" : "frozen"));
  if (std::any_of(r.blocks.begin(), r.blocks.end(),
                  [](const auto& b) { return b.shared_preactivation; })) {
    line("shortcut", "shared pre-activation: belongs to it, and to the branch");
  }
  line("made by", train::maker_line(io::read_provenance(file)));
  return text + '\n' + to_text(r, 0.95);
}

io::Json describe_paths_json(const io::H5& file) {
  const PathsResult r = read_paths(file);
  io::Json json = to_json(r, 0.95);
  json.add("file", file.name())
      .add("format", "result")
      .add("format_version", file.get_int("/", schema::version_attribute))
      .add("kind", "paths")
      .add("model_sha256", r.model_digest)
      .add("complete", r.whole())
      .add("shard", r.shard.index + 1)
      .add("shards", r.shard.count)
      .add("seed", r.options.seed);
  return json;
}

std::string describe_memory_text(const io::H5& file) {
  const MemoryResult r = read_memory(file);
  std::string text;
  const auto line = [&](const char* key, const std::string& value) {
    text += fmt::format("{:<11} {}\n", key, value);
  };
  line("file", file.name());
  line("format", fmt::format("{} {}, kind memory", schema::to_string(schema::Format::result),
                             file.get_int("/", schema::version_attribute)));
  line("study", fmt::format("{} networks and modes, batches of {}, {} steps timed", r.cases.size(),
                            r.batch, r.steps));
  if (!r.data.empty()) {
    line("trained", fmt::format("{} steps on {}", r.train_steps, printable(r.data)));
  }
  line("made by", train::maker_line(io::read_provenance(file)));
  return text + '\n' + to_text(r);
}

io::Json describe_memory_json(const io::H5& file) {
  io::Json json = to_json(read_memory(file));
  json.add("file", file.name())
      .add("format", "result")
      .add("format_version", file.get_int("/", schema::version_attribute))
      .add("kind", "memory");
  return json;
}

}  // namespace

bool knows(const io::H5& file) {
  const std::string kind = kind_of(file);
  return kind == "lesion" || kind == "paths" || kind == "memory";
}

std::string describe_text(const io::H5& file) {
  if (kind_of(file) == "paths") return describe_paths_text(file);
  if (kind_of(file) == "memory") return describe_memory_text(file);
  const LesionResult r = read_lesions(file);
  std::string text;
  const auto line = [&](const char* key, const std::string& value) {
    text += fmt::format("{:<11} {}\n", key, value);
  };
  line("file", file.name());
  line("format", fmt::format("{} {}, kind lesion", schema::to_string(schema::Format::result),
                             file.get_int("/", schema::version_attribute)));
  line("study", study_line(r));
  line("model", fmt::format("{}, {} blocks, {} of them down-sampling; sha256 {}", printable(r.arch),
                            r.blocks.size(), count_down_sampling(r),
                            printable(r.model_digest.substr(0, 16))));
  line("data",
       fmt::format("{}, {}, {} images{}", printable(r.data), printable(r.split), r.images,
                   r.done < r.images ? fmt::format("; unfinished: {} answered", r.done) : ""));
  line("settings", settings_line(r));
  if (shares_preactivation(r)) {
    line("shortcut", "of shared pre-activation: takes the activated input");
  }
  line("made by", train::maker_line(io::read_provenance(file)));
  return text + '\n' + to_text(r);
}

io::Json describe_json(const io::H5& file) {
  if (kind_of(file) == "paths") return describe_paths_json(file);
  if (kind_of(file) == "memory") return describe_memory_json(file);
  const LesionResult r = read_lesions(file);
  io::Json json = to_json(r);
  std::vector<std::string> down;
  for (const auto& block : r.blocks) {
    if (block.downsamples) down.push_back(block.name);
  }
  json.add("file", file.name())
      .add("format", "result")
      .add("format_version", file.get_int("/", schema::version_attribute))
      .add("kind", "lesion")
      .add("model_sha256", r.model_digest)
      .add("data_sha256", r.data_digest)
      .add("images", r.images)
      .add("done", r.done)
      .add("shard", r.shard.index + 1)
      .add("shards", r.shard.count)
      .add("precision", r.precision)
      .add("seed", r.options.seed)
      .add("trials", r.options.trials)
      .add("sigma", r.options.sigma)
      .add("recalibrated", r.recalibrated)
      .add("block_count", r.blocks.size())
      .add("downsampling", down);
  return json;
}

}  // namespace rn::study
