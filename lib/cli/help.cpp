#include "cli/help.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace rn::cli {
namespace {

constexpr std::size_t column = 26;  // where descriptions begin
constexpr std::size_t width = 80;

// `left`, then the words of `text` from `column` on.
std::string entry(const std::string& left, const std::string& text) {
  std::string out = "  " + left;
  std::size_t used = out.size();
  if (used + 1 > column) {
    out += '\n';
    used = 0;
  }
  out.append(column - used, ' ');
  used = column;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (used > column && used + 1 + word.size() > width) {
      out += '\n' + std::string(column, ' ');
      used = column;
    } else if (used > column) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
    at = end + 1;
  }
  return out + '\n';
}

std::string positional_name(const CLI::Option& option) {
  return option.get_name(true) + (option.get_expected_max() > 1 ? "..." : "");
}

std::string option_entry(const CLI::Option& option) {
  std::string left;
  for (const auto& name : option.get_snames()) left += (left.empty() ? "-" : ", -") + name;
  if (left.empty()) left = "    ";
  for (const auto& name : option.get_lnames()) {
    left += (left == "    " ? "--" : ", --") + name;
  }
  if (option.get_expected_max() > 0) {
    const std::string type = option.get_type_name();  // "WHEN:{auto,always}"
    left += " " + type.substr(0, type.find(":{"));
    if (option.get_expected_max() > 1) left += "...";
  }
  std::string text = option.get_description();
  std::string standard = option.get_default_str();  // of a list: "[a,b]"
  if (standard.starts_with('[') && standard.ends_with(']')) {
    standard = standard.substr(1, standard.size() - 2);
  }
  if (option.get_expected_max() > 0 && !standard.empty() && standard != "\"\"") {
    text += fmt::format(" [{}]", standard);
  }
  return entry(left, text);
}

std::string help(const CLI::App* app, const std::string&, CLI::AppFormatMode) {
  std::string usage = app->get_name() + " [OPTION]...";
  std::string positionals;
  std::vector<std::string> groups{"Options"};
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional()) {
      const std::string name = positional_name(*option);
      usage += option->get_required() ? " " + name : " [" + name + "]";
      positionals += entry(name, option->get_description());
    } else if (const auto& group = option->get_group();
               !group.empty() && std::find(groups.begin(), groups.end(), group) == groups.end()) {
      groups.push_back(group);
    }
  }
  std::string out =
      fmt::format("{}: {}\n\nUsage: {}\n", app->get_name(), app->get_description(), usage);
  if (!positionals.empty()) out += '\n' + positionals;
  for (const auto& group : groups) {
    std::string body;
    for (const CLI::Option* option : app->get_options()) {
      if (!option->get_positional() && option->get_group() == group) body += option_entry(*option);
    }
    if (!body.empty()) out += fmt::format("\n{}:\n{}", group, body);
  }
  return out + '\n' + app->get_footer() + '\n';
}

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() {
  return std::make_shared<CLI::FormatterLambda>(help);
}

}  // namespace rn::cli
