#include "cli/share.h"

#include <filesystem>

namespace rn::cli {

std::string find_shared(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path tool = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path bin = tool.parent_path();
  for (const char* share : {"../share/resnet-tools", "../../share"}) {
    const fs::path found = (bin / share / name).lexically_normal();
    if (fs::is_regular_file(found, error)) return found;
  }
  return {};
}

}  // namespace rn::cli
