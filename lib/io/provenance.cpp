#include "io/provenance.h"

#include <hdf5.h>
#include <unistd.h>

#include <climits>
#include <ctime>

#include "base/parallel.h"
#include "base/text.h"
#include "base/version.h"
#include "io/schema.h"

namespace rn::io {
namespace {

const std::string at = schema::provenance;

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

void set_if(H5& file, const char* name, const std::string& value) {
  if (!value.empty()) file.set(at, name, value);
}

std::string get_if(const H5& file, const char* name) {
  return file.has_attribute(at, name) ? file.get_string(at, name) : "";
}

std::vector<std::string> column_if(const H5& file, const std::string& path) {
  return file.has(path) ? file.read_strings(path) : std::vector<std::string>{};
}

}  // namespace

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string without_path(const std::string& uri) {
  return uri.starts_with("synth:") ? uri : uri.substr(0, uri.find(':'));
}

std::string without_paths(const std::string& config) {
  std::string out;
  for (const std::string& line : lines_of(config)) {
    const std::size_t equals = line.find(" = ");
    const std::string key = line.substr(0, equals);
    if (key == "init" || key == "map" || key == "classes") continue;
    if (key == "data" && equals != std::string::npos) {
      const std::string quoted = line.substr(equals + 3);  // "cifar10:DIR"
      const std::string uri = quoted.size() < 2 ? "" : quoted.substr(1, quoted.size() - 2);
      out += key + " = \"" + without_path(uri) + "\"\n";
    } else {
      out += line + '\n';
    }
  }
  return out;
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("{}.{}.{}", major, minor, release);
}

Provenance start_provenance(const std::string& tool, const std::string& command_line) {
  Provenance p;
  p.tool = tool;
  p.version = version();
  p.git_revision = git_revision();
  p.command_line = command_line;
  p.device = "cpu";
  p.cpu = cpu_name();
  p.host = host_name();
  p.lanes = lanes();
  p.threads = threads();
  p.libraries.emplace_back("hdf5", hdf5_version());
  p.started = now_utc();
  return p;
}

void write(H5& file, const Provenance& p, bool volatile_fields) {
  set_if(file, "tool", p.tool);
  set_if(file, "version", p.version);
  set_if(file, "git_revision", p.git_revision);
  file.set(at, "seed", static_cast<std::int64_t>(p.seed));
  set_if(file, "device", p.device);
  set_if(file, "instruction_set", p.instruction_set);
  file.set(at, "lanes", std::int64_t{p.lanes});
  if (!p.config.empty()) {
    file.write_column(at + "/config",
                      lines_of(volatile_fields ? p.config : without_paths(p.config)));
  }
  std::vector<std::string> names, versions, paths, digests;
  for (const auto& [name, version] : p.libraries) {
    names.push_back(name);
    versions.push_back(version);
  }
  for (const Provenance::Input& input : p.inputs) {
    paths.push_back(input.path);
    digests.push_back(input.sha256);
  }
  file.write_column(at + "/libraries/name", names);
  file.write_column(at + "/libraries/version", versions);
  file.write_column(at + "/inputs/sha256", digests);
  if (!volatile_fields) return;
  file.write_column(at + "/inputs/path", paths);
  set_if(file, "command_line", p.command_line);
  set_if(file, "cpu", p.cpu);
  set_if(file, "host", p.host);
  file.set(at, "threads", std::int64_t{p.threads});
  set_if(file, "started", p.started);
  file.set(at, "finished", p.finished.empty() ? now_utc() : p.finished);
}

Provenance read_provenance(const H5& file) {
  Provenance p;
  if (!file.has(at)) return p;
  p.tool = get_if(file, "tool");
  p.version = get_if(file, "version");
  p.git_revision = get_if(file, "git_revision");
  p.device = get_if(file, "device");
  p.instruction_set = get_if(file, "instruction_set");
  p.command_line = get_if(file, "command_line");
  p.cpu = get_if(file, "cpu");
  p.host = get_if(file, "host");
  p.started = get_if(file, "started");
  p.finished = get_if(file, "finished");
  if (file.has_attribute(at, "seed")) p.seed = static_cast<std::uint64_t>(file.get_int(at, "seed"));
  if (file.has_attribute(at, "lanes")) p.lanes = static_cast<int>(file.get_int(at, "lanes"));
  if (file.has_attribute(at, "threads")) p.threads = static_cast<int>(file.get_int(at, "threads"));
  for (const std::string& line : column_if(file, at + "/config")) p.config += line + "\n";
  const auto names = column_if(file, at + "/libraries/name");
  const auto versions = column_if(file, at + "/libraries/version");
  for (std::size_t i = 0; i < std::min(names.size(), versions.size()); ++i) {
    p.libraries.emplace_back(names[i], versions[i]);
  }
  const auto digests = column_if(file, at + "/inputs/sha256");
  const auto paths = column_if(file, at + "/inputs/path");
  for (std::size_t i = 0; i < digests.size(); ++i) {
    p.inputs.push_back({i < paths.size() ? paths[i] : "", digests[i]});
  }
  return p;
}

}  // namespace rn::io
