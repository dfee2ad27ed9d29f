// How --help looks: 80 columns, what a tool is, its options with their defaults, exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

namespace rn::cli {
std::shared_ptr<CLI::FormatterBase> help_formatter();
}
