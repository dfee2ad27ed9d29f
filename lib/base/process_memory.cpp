#include "base/process_memory.h"

#include <malloc.h>

#include <fstream>
#include <string>

namespace rn {
namespace {

// The number of kB behind "NAME:" in /proc/self/status.
std::int64_t status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

}  // namespace

std::int64_t resident_bytes() { return status_bytes("VmRSS"); }
std::int64_t peak_resident_bytes() { return status_bytes("VmHWM"); }

bool reset_peak_resident() {
  malloc_trim(0);
  std::ofstream refs("/proc/self/clear_refs");
  refs << "5";
  refs.close();
  return refs.good();
}

}  // namespace rn
