#include "cli/share.h"

#include <algorithm>
#include <filesystem>

namespace rn::cli {

namespace fs = std::filesystem;

namespace {

fs::path shared(const std::string& name) {
  std::error_code error;
  const fs::path tool = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  return (tool.parent_path() / "../share/resnet-tools" / name).lexically_normal();
}

}  // namespace

std::string find_shared(const std::string& name) {
  std::error_code error;
  const fs::path found = shared(name);
  return fs::is_regular_file(found, error) ? found.string() : std::string();
}

std::vector<std::string> shared_stems(const std::string& folder, const std::string& extension) {
  std::vector<std::string> stems;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(shared(folder), error)) {
    if (entry.path().extension() == extension) stems.push_back(entry.path().stem().string());
  }
  std::sort(stems.begin(), stems.end());
  return stems;
}

}  // namespace rn::cli
