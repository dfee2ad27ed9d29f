#include "video/clip_set.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "data/query.h"
#include "video/clip_lists.h"
#include "video/clips.h"

namespace rn::video {
namespace {

namespace fs = std::filesystem;
using data::Split;

constexpr Split all_splits[] = {Split::train, Split::val, Split::test};

data::Query parse(const std::string& uri) {
  constexpr std::string_view kind = "clips:";
  if (!uri.starts_with(kind) || uri.size() == kind.size()) {
    fail(ErrorKind::usage,
         "data '{}': expected clips:WHERE, a folder of classes, a folder with split lists "
         "(clips:DIR?split=1), or a CSV file of path,label[,split]",
         uri);
  }
  return data::parse_query(uri.substr(kind.size()), {"lists", "split"});
}

bool is_csv(const std::string& path) { return path.ends_with(".csv") || path.ends_with(".tsv"); }

// A clip before it is known which number its class has.
struct Named {
  SetClip clip;
  std::string label;
  Split split = Split::train;
};

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return {};
  return value;
}

// Classes in the order in which they get their numbers.
std::vector<std::string> order_of(const std::set<std::string>& labels) {
  std::vector<std::string> names(labels.begin(), labels.end());
  if (std::all_of(names.begin(), names.end(), [](const auto& n) { return whole_number(n); })) {
    std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
      return *whole_number(a) < *whole_number(b);
    });
  }
  return names;
}

std::vector<Named> from_csv(const std::string& path) {
  std::vector<std::vector<std::string>> rows = read_csv(path);
  const fs::path folder = fs::path(path).parent_path();
  if (!rows.empty() && rows[0].size() >= 2 && rows[0][1] == "label") rows.erase(rows.begin());
  std::vector<Named> clips;
  for (const auto& row : rows) {
    if (row.size() < 2 || row.size() > 3 || row[0].empty() || row[1].empty()) {
      fail(ErrorKind::input, "{}: '{}' is no path,label[,split]", path, fmt::join(row, ","));
    }
    Named named{.clip = {.path = (folder / row[0]).string(), .name = name_of_clip(row[0])},
                .label = row[1]};
    if (row.size() == 3) {
      const auto* found = std::find_if(std::begin(all_splits), std::end(all_splits),
                                       [&](Split s) { return row[2] == data::to_string(s); });
      if (found == std::end(all_splits)) {
        fail(ErrorKind::input, "{}: split '{}' of {}: train, val or test", path, row[2], row[0]);
      }
      named.split = *found;
    }
    clips.push_back(std::move(named));
  }
  return clips;
}

// Of WHERE or WHERE/train: the class is the first folder below it.
void add_classes(const fs::path& root, const fs::path& from, Split split,
                 std::vector<Named>& clips) {
  for (const ClipName& clip : find_clips({from.string()})) {
    const fs::path below(clip.name);
    if (below.begin() == below.end() || std::next(below.begin()) == below.end()) {
      fail(ErrorKind::input, "{}: lies in no folder that says its class", clip.path);
    }
    clips.push_back({{.path = clip.path, .name = fs::path(clip.path).lexically_relative(root)},
                     below.begin()->string(),
                     split});
  }
}

std::vector<Named> from_folder(const std::string& where) {
  std::vector<Named> clips;
  std::error_code code;
  for (const Split split : all_splits) {
    const fs::path folder = fs::path(where) / data::to_string(split);
    if (fs::is_directory(folder, code)) add_classes(where, folder, split, clips);
  }
  if (clips.empty()) add_classes(where, where, Split::train, clips);
  return clips;
}

struct Everything {
  std::vector<std::string> class_names;
  std::vector<Named> clips;
};

Everything read_all(const std::string& uri) {
  const data::Query query = parse(uri);
  const std::string& where = query.where;
  const bool lists = query.value.contains("lists") || query.value.contains("split");
  Everything all;
  std::error_code code;
  if (is_csv(where)) {
    if (lists) fail(ErrorKind::usage, "data '{}': a CSV file needs no lists: its rows split", uri);
    all.clips = from_csv(where);
  } else if (!fs::is_directory(where, code)) {
    fail(ErrorKind::input, "{}: no such folder of clips", where);
  } else if (lists) {
    const auto given = query.value.find("lists");
    const ListedClips listed =
        read_split_lists(where, given == query.value.end() ? "" : given->second,
                         static_cast<int>(query.number("split", 1, 1, 99)));
    all.class_names = listed.class_names;
    for (const ListedClip& clip : listed.clips) {
      all.clips.push_back({{.path = (fs::path(where) / clip.name).string(), .name = clip.name},
                           clip.label,
                           clip.test ? Split::test : Split::train});
    }
  } else {
    all.clips = from_folder(where);
  }
  if (all.class_names.empty()) {
    std::set<std::string> labels;
    for (const Named& named : all.clips) labels.insert(named.label);
    all.class_names = order_of(labels);
  }
  std::map<std::string, std::int32_t> numbers;
  for (const std::string& name : all.class_names) {
    numbers.emplace(name, static_cast<std::int32_t>(numbers.size()));
  }
  std::set<std::string> names;
  for (Named& named : all.clips) {
    const auto found = numbers.find(named.label);
    if (found == numbers.end()) {
      fail(ErrorKind::input, "{}: class '{}' of {} is not in the index of classes", where,
           named.label, named.clip.name);
    }
    named.clip.label = found->second;
    if (!names.insert(named.clip.name).second) {
      fail(ErrorKind::input, "{}: named twice, or two clips of the name {}", named.clip.path,
           named.clip.name);
    }
  }
  if (all.clips.empty()) fail(ErrorKind::input, "{}: names no clips", where);
  return all;
}

}  // namespace

ClipSet open_clips(const std::string& uri, Split split) {
  Everything all = read_all(uri);
  ClipSet set{.uri = uri, .class_names = std::move(all.class_names)};
  for (Named& named : all.clips) {
    if (named.split == split) set.clips.push_back(std::move(named.clip));
  }
  if (set.clips.empty()) {
    fail(ErrorKind::input, "data '{}' has no clips in the split '{}'", uri, data::to_string(split));
  }
  return set;
}

std::vector<Split> clip_splits(const std::string& uri) {
  const Everything all = read_all(uri);
  std::vector<Split> splits;
  for (const Split split : all_splits) {
    if (std::any_of(all.clips.begin(), all.clips.end(),
                    [&](const Named& named) { return named.split == split; })) {
      splits.push_back(split);
    }
  }
  return splits;
}

}  // namespace rn::video
