// What resnet-data says of a set, for people and for programs.
#include <algorithm>

#include "data/import.h"

namespace rn::data {
namespace {

std::string short_list(const std::vector<double>& values) {
  std::string text;
  for (const double v : values) text += fmt::format("{}{:.4f}", text.empty() ? "" : " ", v);
  return text;
}

}  // namespace

std::int64_t bytes_of(const Summary& summary) {
  std::int64_t count = 0;
  for (const SplitSummary& split : summary.splits) count += split.count;
  return count * (summary.height * summary.width * summary.channels + 4 + 32);
}

std::string to_text(const Summary& summary) {
  std::string text = fmt::format("{}: {}x{}x{}, {} classes: {}\n", summary.uri, summary.height,
                                 summary.width, summary.channels, summary.class_names.size(),
                                 fmt::join(summary.class_names, ", "));
  const bool sharded = summary.shard.count > 1;
  if (sharded) text += fmt::format("shard {}\n", to_string(summary.shard));
  for (const SplitSummary& split : summary.splits) {
    text += fmt::format("{:5}  {} images", to_string(split.split), split.count);
    if (sharded) text += fmt::format(", from number {} of {} on", split.first, split.total);
    if (split.count > 0) {
      const auto [least, most] =
          std::minmax_element(split.per_class.begin(), split.per_class.end());
      text += fmt::format(", {} to {} a class; mean {}; stddev {}", *least, *most,
                          short_list(split.mean), short_list(split.stddev));
    }
    text += '\n';
  }
  return text;
}

io::Json to_json(const Summary& summary) {
  io::Json json;
  json.add("uri", summary.uri)
      .add("height", summary.height)
      .add("width", summary.width)
      .add("channels", summary.channels)
      .add("classes", std::span<const std::string>(summary.class_names));
  const bool sharded = summary.shard.count > 1;
  if (sharded) json.add("shard", summary.shard.index + 1).add("shards", summary.shard.count);
  for (const SplitSummary& split : summary.splits) {
    io::Json part;
    if (sharded) part.add("first", split.first).add("total", split.total);
    part.add("count", split.count)
        .add("per_class", std::span<const std::int64_t>(split.per_class))
        .add("mean", std::span<const double>(split.mean))
        .add("stddev", std::span<const double>(split.stddev))
        .add("sha256", split.digest);
    json.add(to_string(split.split), part);
  }
  return json;
}

std::vector<io::Provenance::Input> inputs_of(const Summary& summary) {
  std::vector<io::Provenance::Input> inputs;
  for (const SplitSummary& split : summary.splits) {
    inputs.push_back({fmt::format("{} {}", summary.uri, to_string(split.split)), split.digest});
  }
  return inputs;
}

}  // namespace rn::data
