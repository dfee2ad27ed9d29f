// Completion for bash, from a tool's parser: it knows what the tool knows.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace rn::cli {

// A script to be sourced: options, the words of those that take one of a few, files elsewhere.
std::string bash_completion(const CLI::App& app);

}  // namespace rn::cli
