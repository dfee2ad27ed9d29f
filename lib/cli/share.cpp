#include "cli/share.h"

#include <filesystem>

namespace rn::cli {

std::string find_shared(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path tool = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path found = (tool.parent_path() / "../share/resnet-tools" / name).lexically_normal();
  return fs::is_regular_file(found, error) ? found.string() : std::string();
}

}  // namespace rn::cli
