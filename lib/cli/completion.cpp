#include "cli/completion.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace rn::cli {
namespace {

// "{sgd,adam}" in a validator's words is a choice; others are passed over.
std::string choices(const CLI::Option& option) {
  const std::string text = option.get_type_name();
  const std::size_t begin = text.find('{'), end = text.find('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  std::string words = text.substr(begin + 1, end - begin - 1);
  std::replace(words.begin(), words.end(), ',', ' ');
  return words;
}

// "auto, cpu or cuda" in a description: words that are all lower case, with an "or" before the
// last.
std::string described(const std::string& description) {
  const std::size_t colon = description.rfind(": ");
  std::string list = description.substr(colon == std::string::npos ? 0 : colon + 2);
  list = list.substr(0, list.find_first_of(";("));
  if (list.find(" or ") == std::string::npos) return {};
  std::string words;
  for (std::size_t from = 0; from < list.size();) {
    std::size_t end = std::min(list.find_first_of(", ", from), list.size());
    const std::string word = list.substr(from, end - from);
    from = list.find_first_not_of(", ", end);
    if (from == std::string::npos) from = list.size();
    if (word.empty() || word == "or") continue;
    const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!plain) return {};
    words += (words.empty() ? "" : " ") + word;
  }
  return words;
}

bool takes_file(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  for (const char* kind : {"FILE", "MODEL", "URI", "DIR", "RESULT"}) {
    if (type.find(kind) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::string function = "_" + app.get_name(), names, cases;
  std::replace(function.begin(), function.end(), '-', '_');
  for (const CLI::Option* option : app.get_options()) {
    std::string flags;
    for (const auto& name : option->get_snames()) flags += (flags.empty() ? "-" : "|-") + name;
    for (const auto& name : option->get_lnames()) {
      flags += (flags.empty() ? "--" : "|--") + name;
      names += (names.empty() ? "--" : " --") + name;
    }
    if (flags.empty() || option->get_expected_max() == 0) continue;
    std::string words = choices(*option);
    if (words.empty()) words = described(option->get_description());
    const std::string what = !words.empty()        ? fmt::format("-W \"{}\"", words)
                             : takes_file(*option) ? "-f"
                                                   : "";
    cases += fmt::format("    {}) {} ;;\n", flags,
                         what.empty()
                             ? "return"
                             : fmt::format("COMPREPLY=($(compgen {} -- \"$word\")); return", what));
  }
  return fmt::format(
      "# Completion for bash, made by {0} from its own options.\n"
      "{1}() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  case $before in\n"
      "{2}"
      "  esac\n"
      "  case $word in\n"
      "    -*) COMPREPLY=($(compgen -W \"{3}\" -- \"$word\")) ;;\n"
      "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
      "  esac\n"
      "}}\n"
      "complete -o filenames -F {1} {0}\n",
      app.get_name(), function, cases, names);
}

}  // namespace rn::cli
