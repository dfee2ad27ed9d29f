// Where option values come from besides the command line, and how they are written down.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rn::cli {

// Gives every long option its RESNET_<NAME> variable, adds --config, and puts the order right:
// CLI11 would let the file override the environment. After parsing, `origins` says for options (by
// long name) that came from the file where they stood: "FILE:LINE".
using Origins = std::map<std::string, std::string>;
std::shared_ptr<Origins> add_sources(CLI::App& app);

// "RESNET_CHECKPOINT_EVERY" for "checkpoint-every".
std::string environment_name(const std::string& long_name);

// Lines about variables of the environment that are one slip away from one of this tool's:
// RESNET_THREAD. Others may be another tool's.
std::vector<std::string> mistyped_variables(const CLI::App& app);

// All option values as TOML that --config takes back, in the order in which the tool added its
// options; `recipe_only` leaves out those marked not_recipe() and the positionals.
std::string effective_config(const CLI::App& app, bool recipe_only);

// Long names of the options that a file may set.
std::vector<std::string> config_keys(const CLI::App& app);

}  // namespace rn::cli
