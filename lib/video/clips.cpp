#include "video/clips.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/error.h"
#include "io/file.h"
#include "video/clip_set.h"

namespace rn::video {
namespace {

namespace fs = std::filesystem;

std::string lower_suffix(const fs::path& path) {
  std::string suffix = path.extension().string();
  for (char& c : suffix) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return suffix;
}

bool is_clip(const fs::path& path) {
  constexpr std::array<std::string_view, 17> suffixes{
      ".avi", ".mp4", ".mkv",   ".mov", ".mpg", ".mpeg", ".webm", ".m4v", ".wmv",
      ".flv", ".ts",  ".mjpeg", ".ogv", ".3gp", ".gif",  ".vob",  ".m2ts"};
  return std::find(suffixes.begin(), suffixes.end(), lower_suffix(path)) != suffixes.end();
}

void add_folder(const std::string& folder, std::vector<ClipName>& clips) {
  std::error_code code;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, code);
  if (code) fail(ErrorKind::input, "{}: cannot be read: {}", folder, code.message());
  const std::size_t before = clips.size();
  for (; at != fs::recursive_directory_iterator(); at.increment(code)) {
    if (code) fail(ErrorKind::input, "{}: cannot be read: {}", folder, code.message());
    if (!at->is_directory(code) && is_clip(at->path())) {
      clips.push_back({at->path().string(), at->path().lexically_relative(folder).string()});
    }
  }
  if (clips.size() == before) fail(ErrorKind::input, "{}: no clips in this folder", folder);
  std::sort(clips.begin() + static_cast<std::ptrdiff_t>(before), clips.end(),
            [](const ClipName& a, const ClipName& b) { return a.name < b.name; });
}

// "boxing/p1.avi 3" -> "boxing/p1.avi", as long as no such file is there.
std::string clip_of_line(std::string line, const fs::path& folder) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  const std::size_t space = line.rfind(' ');
  std::error_code code;
  if (space != std::string::npos && space + 1 < line.size() && space > 0 &&
      line.find_first_not_of("0123456789", space + 1) == std::string::npos &&
      !fs::exists(folder / line, code)) {
    line.resize(space);
  }
  return line;
}

void add_csv(const std::string& list, std::vector<ClipName>& clips) {
  const fs::path folder = fs::path(list).parent_path();
  const auto rows = read_csv(list);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool header = i == 0 && rows[0].size() >= 2 && rows[0][1] == "label";
    if (header || rows[i][0].empty()) continue;
    clips.push_back({(folder / rows[i][0]).string(), name_of_clip(rows[i][0])});
  }
}

void add_list(const std::string& list, std::vector<ClipName>& clips) {
  const std::string kind = lower_suffix(list);
  if (kind == ".csv" || kind == ".tsv") return add_csv(list, clips);
  const io::Bytes bytes = io::read_file(list);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.find('\0') != text.npos) fail(ErrorKind::input, "{}: is no list of clips", list);
  const fs::path folder = fs::path(list).parent_path();
  const std::size_t before = clips.size();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = clip_of_line(std::string(text.substr(begin, end - begin)), folder);
    begin = end + 1;
    if (line.empty() || line[0] == '#') continue;
    clips.push_back({(folder / line).string(), name_of_clip(line)});
  }
  if (clips.size() == before) fail(ErrorKind::input, "{}: names no clips", list);
}

}  // namespace

std::string name_of_clip(const std::string& given) {
  const fs::path normal = fs::path(given).lexically_normal();
  const bool leads_out =
      normal.is_absolute() || normal.empty() || *normal.begin() == fs::path("..");
  return (leads_out ? normal.filename() : normal).string();
}

bool is_list(const std::string& path) {
  const std::string suffix = lower_suffix(path);
  return suffix == ".txt" || suffix == ".lst" || suffix == ".list" || suffix == ".csv" ||
         suffix == ".tsv";
}

bool is_folder(const std::string& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::vector<ClipName> find_clips(const std::vector<std::string>& inputs) {
  std::vector<ClipName> clips;
  for (const std::string& input : inputs) {
    if (is_folder(input)) {
      add_folder(input, clips);
    } else if (is_list(input)) {
      add_list(input, clips);
    } else {
      clips.push_back({input, name_of_clip(input)});
    }
  }
  std::set<std::string> names;
  for (const ClipName& clip : clips) {
    if (!names.insert(clip.name).second) {
      fail(ErrorKind::input, "{}: named twice, or two clips of the name {}", clip.path, clip.name);
    }
  }
  return clips;
}

}  // namespace rn::video
