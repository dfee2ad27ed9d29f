#include "cli/config.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iterator>

#include "base/error.h"
#include "base/suggest.h"
#include "cli/options.h"
#include "cli/toml.h"

namespace rn::cli {
namespace {

bool in_environment(const CLI::Option& option) {
  const char* value = std::getenv(option.get_envname().c_str());
  return !option.get_envname().empty() && value != nullptr && *value != '\0';
}

// CLI11 asks this for the values of the file that --config names.
class TomlFile : public CLI::Config {
 public:
  TomlFile(const CLI::App& app, std::shared_ptr<Origins> origins)
      : app_(app), origins_(std::move(origins)) {}

  std::string to_config(const CLI::App* app, bool, bool, std::string) const override {
    return effective_config(*app, false);
  }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string name = app_.get_config_ptr()->as<std::string>();
    const std::string text(std::istreambuf_iterator<char>(input), {});
    const auto known = config_keys(app_);
    std::vector<CLI::ConfigItem> found;
    for (const auto& entry : parse_toml(text, name)) {
      std::string key = entry.key;
      std::replace(key.begin(), key.end(), '_', '-');
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        const std::string guess = nearest(key, known);
        fail(ErrorKind::usage, "{}:{}: unknown key '{}'{}", name, entry.line, entry.key,
             guess.empty() ? fmt::format("; {} --help lists the options", app_.get_name())
                           : fmt::format("; did you mean '{}'?", guess));
      }
      const CLI::Option& option = *app_.get_option("--" + key);
      // A flag beats us in CLI11; the environment would not, so we stand back for it.
      if (option.count() > 0 || in_environment(option) || entry.values.empty()) continue;
      (*origins_)[key] = fmt::format("{}:{}", name, entry.line);
      CLI::ConfigItem item;
      item.name = key;
      item.inputs = entry.values;
      found.push_back(std::move(item));
    }
    return found;
  }

 private:
  const CLI::App& app_;
  std::shared_ptr<Origins> origins_;
};

bool is_number(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.starts_with("INT") || type.starts_with("UINT") || type.starts_with("FLOAT");
}

std::string toml_value(const CLI::Option& option, const std::string& text) {
  if (option.get_expected_max() == 0) {  // a flag: true, false, or how often it was given
    const auto number = CLI::detail::to_flag_value(text);
    return number > 0 ? "true" : "false";
  }
  double number = 0;
  if (is_number(option) && CLI::detail::lexical_cast(text, number)) return text;
  return toml_string(text);
}

}  // namespace

std::string environment_name(const std::string& long_name) {
  std::string name = "RESNET_" + long_name;
  for (char& c : name) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::shared_ptr<Origins> add_sources(CLI::App& app) {
  auto origins = std::make_shared<Origins>();
  auto* config = app.set_config(
      "--config", "", "Read option values from this TOML file, or from the recipe of this name");
  config->type_name("FILE");
  not_recipe(config);
  app.config_formatter(std::make_shared<TomlFile>(app, origins));
  for (CLI::Option* option : app.get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    option->envname(environment_name(option->get_lnames().front()));
  }
  return origins;
}

std::vector<std::string> mistyped_variables(const CLI::App& app) {
  const std::string prefix = environment_name("");
  std::vector<std::string> known{"CONFIG"}, told;  // without the prefix, which would look alike
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_envname();
    if (!name.empty()) known.push_back(name.substr(prefix.size()));
  }
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with(prefix)) continue;
    const std::string name(text.substr(prefix.size(), text.find('=') - prefix.size()));
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    for (const std::string& guess : known) {
      if (!one_slip_apart(name, guess)) continue;
      told.push_back(
          fmt::format("{0}{1}: is none of the options; did you mean {0}{2}?", prefix, name, guess));
      break;
    }
  }
  return told;
}

std::string effective_config(const CLI::App& app, bool recipe_only) {
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_configurable()) continue;
    const bool positional = option->get_positional();
    if (recipe_only && (positional || !is_recipe(*option))) continue;
    const std::string& name = option->get_single_name();
    const bool flag = option->get_expected_max() == 0;
    const bool list = option->get_expected_max() > 1;
    std::vector<std::string> given;
    if (option->count() > 0) {
      given = option->reduced_results();
    } else if (list && option->get_default_str().size() > 2) {
      const std::string& text = option->get_default_str();  // "[1,2]"
      given = CLI::detail::split(text.substr(1, text.size() - 2), ',');
    }
    // A positional is no key of a file: a comment, for the reader of the provenance.
    std::string line = (positional && !option->nonpositional() ? "# " : "") + name + " = ";
    if (list && !flag) {
      line += '[';
      for (std::size_t i = 0; i < given.size(); ++i) {
        line += (i ? ", " : "") + toml_value(*option, given[i]);
      }
      line += ']';
    } else if (!given.empty()) {
      line += toml_value(*option, given.front());
    } else if (flag) {
      line += "false";
    } else if (!option->get_default_str().empty()) {
      line += toml_value(*option, option->get_default_str());
    } else {
      continue;  // not set, and no default to tell
    }
    out += line + '\n';
  }
  return out;
}

std::vector<std::string> config_keys(const CLI::App& app) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_configurable() && !option->get_lnames().empty()) {
      keys.push_back(option->get_lnames().front());
    }
  }
  return keys;
}

}  // namespace rn::cli
