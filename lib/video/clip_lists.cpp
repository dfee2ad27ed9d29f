#include "video/clip_lists.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "io/file.h"
#include "video/clip_set.h"
#include "video/clips.h"

namespace rn::video {
namespace {

namespace fs = std::filesystem;

std::string_view cut(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  return text;
}

std::vector<std::string> lines_of(const std::string& path) {
  const io::Bytes bytes = io::read_file(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.find('\0') != text.npos) fail(ErrorKind::input, "{}: is no text", path);
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string_view line = cut(text.substr(from, end - from));
    if (!line.empty()) lines.emplace_back(line);
    from = end + 1;
  }
  return lines;
}

struct Numbered {
  std::string text;
  std::optional<int> number;
};

// "v_a.avi 12" -> {"v_a.avi", 12}; names of clips may hold blanks and digits.
Numbered split_line(const std::string& line) {
  const std::size_t space = line.find_last_of(" \t");
  if (space == std::string::npos) return {line, {}};
  int number = 0;
  const char* end = line.data() + line.size();
  const auto parsed = std::from_chars(line.data() + space + 1, end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return {line, {}};
  return {std::string(cut(line.substr(0, space))), number};
}

std::string ucf_list(const fs::path& folder, const char* what, int number) {
  return (folder / fmt::format("{}list{:02}.txt", what, number)).string();
}

// "12 Biking", one a line.
std::map<int, std::string> read_index(const std::string& path) {
  std::map<int, std::string> index;
  std::error_code code;
  if (!fs::exists(path, code)) return index;
  for (const std::string& line : lines_of(path)) {
    const std::size_t space = line.find_first_of(" \t");
    int number = 0;
    const auto parsed =
        std::from_chars(line.data(), line.data() + std::min(space, line.size()), number);
    if (space == std::string::npos || parsed.ptr != line.data() + space ||
        !index.emplace(number, std::string(cut(std::string_view(line).substr(space)))).second) {
      fail(ErrorKind::input, "{}: '{}' is no number and class", path, line);
    }
  }
  return index;
}

ListedClips read_ucf(const fs::path& lists, int number) {
  std::map<int, std::string> index = read_index((lists / "classInd.txt").string());
  const bool given = !index.empty();
  ListedClips listed;
  for (const bool test : {false, true}) {
    const std::string path = ucf_list(lists, test ? "test" : "train", number);
    for (const std::string& line : lines_of(path)) {
      const Numbered at = split_line(line);
      const std::size_t slash = at.text.find('/');
      if (slash == std::string::npos || slash == 0) {
        fail(ErrorKind::input, "{}: '{}' is no CLASS/CLIP", path, line);
      }
      const std::string label = at.text.substr(0, slash);
      if (at.number && !given) index.emplace(*at.number, label);
      if (at.number && (!index.contains(*at.number) || index[*at.number] != label)) {
        fail(ErrorKind::input, "{}: '{}' is of class {}, which is '{}'", path, line, *at.number,
             index.contains(*at.number) ? index[*at.number] : "none");
      }
      listed.clips.push_back({name_of_clip(at.text), label, test});
    }
  }
  for (const auto& [place, name] : index) listed.class_names.push_back(name);
  return listed;
}

ListedClips read_hmdb(const fs::path& lists, int number) {
  const std::string end = fmt::format("_test_split{}.txt", number);
  std::set<std::string> files;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(lists, code)) {
    const std::string name = entry.path().filename().string();
    if (name.size() > end.size() && name.ends_with(end)) files.insert(name);
  }
  ListedClips listed;
  for (const std::string& file : files) {
    const std::string path = (lists / file).string(),
                      label = file.substr(0, file.size() - end.size());
    listed.class_names.push_back(label);
    for (const std::string& line : lines_of(path)) {
      const Numbered at = split_line(line);
      if (!at.number || *at.number < 0 || *at.number > 2) {
        fail(ErrorKind::input, "{}: '{}' does not end with 0, 1 or 2", path, line);
      }
      if (*at.number == 0) continue;  // of neither
      listed.clips.push_back({name_of_clip(label + "/" + at.text), label, *at.number == 2});
    }
  }
  return listed;
}

bool has_hmdb(const fs::path& folder) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".txt") && name.find("_test_split") != std::string::npos) return true;
  }
  return false;
}
bool has_ucf(const fs::path& folder) {
  std::error_code code;
  for (int number = 1; number < 100; ++number) {
    if (fs::exists(ucf_list(folder, "train", number), code)) return true;
  }
  return false;
}

}  // namespace

ListedClips read_split_lists(const std::string& folder, const std::string& lists, int number) {
  std::vector<fs::path> places;
  std::error_code code;
  if (lists.empty()) {
    places.emplace_back(folder);
    std::set<fs::path> below;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
      if (entry.is_directory(code)) below.insert(entry.path());
    }
    places.insert(places.end(), below.begin(), below.end());
  } else {
    places.emplace_back(lists);
  }
  for (const fs::path& place : places) {
    if (has_ucf(place)) return read_ucf(place, number);
    if (!has_hmdb(place)) continue;
    ListedClips listed = read_hmdb(place, number);
    if (listed.clips.empty()) {
      fail(ErrorKind::input, "{}: no lists of split {} here, or empty ones", place.string(),
           number);
    }
    return listed;
  }
  fail(ErrorKind::input,
       "{}: no split lists, neither trainlist{:02}.txt nor CLASS_test_split{}.txt, {}",
       lists.empty() ? folder : lists, number, number,
       lists.empty() ? "here or in a folder in it; ?lists=DIR says where they are" : "here");
}

std::vector<std::vector<std::string>> read_csv(const std::string& path) {
  const char between = path.ends_with(".tsv") ? '\t' : ',';
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : lines_of(path)) {
    if (line[0] == '#') continue;
    std::vector<std::string> row;
    for (std::size_t at = 0; at <= line.size();) {
      while (at < line.size() && line[at] == ' ') ++at;
      std::string cell;
      if (at < line.size() && line[at] == '"') {
        for (++at;; ++at) {
          if (at >= line.size()) fail(ErrorKind::input, "{}: an open quote in '{}'", path, line);
          if (line[at] == '"' && (at + 1 >= line.size() || line[at + 1] != '"')) break;
          if (line[at] == '"') ++at;
          cell += line[at];
        }
        at = std::min(line.find(between, at), line.size());
      } else {
        const std::size_t end = std::min(line.find(between, at), line.size());
        cell = cut(std::string_view(line).substr(at, end - at));
        at = end;
      }
      row.push_back(std::move(cell));
      ++at;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace rn::video
