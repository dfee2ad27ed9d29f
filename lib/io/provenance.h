// Where an output comes from: enough to trace a figure to a command a year later.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/h5.h"

namespace rn::io {

struct Provenance {
  // Decide the content of the output, with the inputs' digests: always written.
  std::string tool, version, git_revision;
  std::string config;  // the effective configuration, as TOML; see without_paths()
  std::uint64_t seed = 0;
  std::string device;           // "cpu", "cuda:0"
  std::string instruction_set;  // as the kernels see it: "avx512_core", ...
  int lanes = 0;
  std::vector<std::pair<std::string, std::string>> libraries;  // name, version
  struct Input {
    std::string path, sha256;
  };
  std::vector<Input> inputs;

  // Change from run to run: left out under --no-provenance, with the inputs' paths.
  std::string command_line;  // as a shell would take it back
  std::string cpu, host;
  int threads = 0;
  std::string started, finished;  // ISO 8601, UTC
};

// A record with what can be known here: version, git revision, host, CPU, lanes, threads, libhdf5's
// version, `started` = now. The caller adds the rest.
Provenance start_provenance(const std::string& tool, const std::string& command_line);

// /provenance: attributes, and data sets for the lists and the configuration. With volatile_fields
// false, what changes from run to run is left out, paths in the configuration too. An empty
// `finished` is written as now.
void write(H5& file, const Provenance& provenance, bool volatile_fields);

// What is there; absent fields stay empty. Errors (input): damaged.
Provenance read_provenance(const H5& file);

// Where things are is no content: "cifar10" for "cifar10:DIR"; built-in data ("synth:shapes")
// whole.
std::string without_path(const std::string& uri);
// Of a configuration: `data` without its path; lines that name files (`init`, `map`, `classes`) go,
// as the inputs' digests say what these were.
std::string without_paths(const std::string& config);

std::string hdf5_version();
std::string now_utc();  // "2026-01-31T23:59:59Z"

}  // namespace rn::io
