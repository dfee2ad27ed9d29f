#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"

namespace rn::cli {
namespace {
constexpr const char* running = "Running";
}

CLI::Option* not_recipe(CLI::Option* option) { return option->group(running); }
bool is_recipe(const CLI::Option& option) { return option.get_group() != running; }

CLI::Validator whole(std::int64_t lowest, std::int64_t highest) {
  const auto check = [lowest, highest](std::string& text) -> std::string {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    const bool octal = text.size() > 1 && text[0] == '0';  // CLI11 would read 010 as 8
    if (parsed.ec != std::errc() || parsed.ptr != end || octal) {
      return fmt::format("'{}' is not a whole number", text);
    }
    if (value < lowest || value > highest) {
      return highest == std::numeric_limits<std::int64_t>::max()
                 ? fmt::format("{} is less than {}", value, lowest)
                 : fmt::format("{} is not between {} and {}", value, lowest, highest);
    }
    return {};
  };
  return CLI::Validator(check, "");
}

CLI::Validator real(double lowest, double highest) {
  const auto check = [lowest, highest](std::string& text) -> std::string {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) {
      return fmt::format("'{}' is not a number", text);
    }
    if (value < lowest || value > highest) {
      return std::isinf(highest)
                 ? fmt::format("{} is less than {}", value, lowest)
                 : fmt::format("{} is not between {} and {}", value, lowest, highest);
    }
    return {};
  };
  return CLI::Validator(check, "");
}

void add_common(CLI::App& app, CommonOptions& o, std::initializer_list<Common> which) {
  for (const Common one : which) {
    switch (one) {
      case Common::device:
        app.add_option("--device", o.device, "auto, cpu or cuda[:N]")->type_name("DEVICE");
        break;
      case Common::precision:
        app.add_option("--precision", o.precision, "fp32, bf16 or fp64")
            ->type_name("TYPE")
            ->check(CLI::IsMember({"fp32", "bf16", "fp64"}));
        break;
      case Common::threads:
        not_recipe(app.add_option("--threads", o.threads,
                                  "Threads; 0 is one for each CPU. Results do not depend on it"))
            ->type_name("INT")
            ->check(whole(0, 1024));
        break;
      case Common::lanes:
        app.add_option("--lanes", o.lanes,
                       "Parts that a batch is cut into. Results depend on it in the last bits")
            ->type_name("INT")
            ->check(whole(1, 1024));
        break;
      case Common::seed:
        app.add_option("--seed", o.seed, "Seed of all that is random")
            ->type_name("UINT")
            ->check(whole(0));
        break;
      case Common::output:
        not_recipe(app.add_option("-o,--output", o.output, "Write the result here; - is stdout"))
            ->type_name("FILE");
        not_recipe(app.add_flag("--force", o.force, "Overwrite an existing output"));
        break;
      case Common::json:
        not_recipe(app.add_flag("--json", o.json, "Print one JSON object in one line on stdout"));
        break;
      case Common::dry_run:
        not_recipe(app.add_flag("-n,--dry-run", o.dry_run, "Say what would be done, and stop"));
        break;
      case Common::no_provenance:
        not_recipe(app.add_flag("--no-provenance", o.no_provenance,
                                "Leave out what changes from run to run, for byte-equal files"));
        break;
      case Common::progress:
        not_recipe(app.add_option("--progress", o.progress,
                                  "auto (a bar on a terminal, a line every 30 s in a log), always "
                                  "or never"))
            ->type_name("WHEN")
            ->check(CLI::IsMember({"auto", "always", "never"}));
        break;
    }
  }
}

std::int64_t parse_bytes(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  const std::string unit(parsed.ptr, end);
  const std::string units = "KMGT";
  const std::size_t power = unit.size() == 1 ? units.find(unit[0]) : std::string::npos;
  const int shift = unit.empty() ? 0 : 10 * (static_cast<int>(power) + 1);
  if (parsed.ec != std::errc() || value < 1 || (!unit.empty() && power == std::string::npos) ||
      value > (std::numeric_limits<std::int64_t>::max() >> shift)) {
    fail(ErrorKind::usage, "'{}' is no number of bytes, such as 500M or 4G", text);
  }
  return value << shift;
}

void check_stdout(const CommonOptions& options, bool table) {
  if (options.json && table) fail(ErrorKind::usage, "--json and --table both want stdout");
  if (options.output == "-" && (options.json || table)) {
    fail(ErrorKind::usage, "-o - and --{} both want stdout", options.json ? "json" : "table");
  }
}

Device start(const CommonOptions& options) {
  set_threads(options.threads);
  set_lanes(options.lanes);
  return parse_device(options.device);
}

}  // namespace rn::cli
