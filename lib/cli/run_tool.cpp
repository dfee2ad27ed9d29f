#include "cli/run_tool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <locale>
#include <new>
#include <system_error>

#include "base/suggest.h"
#include "base/version.h"
#include "cli/completion.h"
#include "cli/config.h"
#include "cli/help.h"
#include "cli/share.h"
#include "cli/terminal.h"

namespace rn::cli {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

int report(const ToolInfo& info, const std::string& message, int code) {
  show_bar(stderr, {});
  std::string line = message;  // one line, whatever a file name contains
  std::replace(line.begin(), line.end(), '\n', ' ');
  write_line(stderr, fmt::format("{}: {}", info.name, line));
  return code;
}

// Whether stdout is a pipe that nobody reads any more; an earlier write may have met that, so errno
// alone does not tell.
bool reader_gone(int error) {
  pollfd out{STDOUT_FILENO, 0, 0};
  return error == EPIPE || (poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0);
}

// What was written to stdout may still wait in its buffer: a full disk shows up here. A reader that
// has gone away has what it wanted.
int finish_stdout(const ToolInfo& info, int code) {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (!failed || code != 0 || reader_gone(errno)) return code;
  return report(info,
                fmt::format("cannot write to stdout: {}", errno ? std::strerror(errno) : "error"),
                exit_failed);
}

std::string version_text(const ToolInfo& info) {
  std::string text = fmt::format("{} {} ({})\n", info.name, version(), git_revision());
  if (info.libraries) {
    for (const auto& line : info.libraries()) text += line + '\n';
  }
  return text;
}

std::string footer(const ToolInfo& info, const CLI::App& app) {
  const bool resumes = app.get_option_no_throw("--resume") != nullptr;
  return fmt::format(
      "Each option can also be set in the environment (RESNET_THREADS for --threads)\n"
      "and in the file of --config; the command line wins, then the environment.\n\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 bad input, 4 device absent,\n"
      "5 diverged, 75 stopped{}.\n"
      "More: man {}",
      resumes ? " after saving: the same with --resume goes on" : ": run the same command again",
      info.name);
}

std::string shell_quote(const std::string& text) {
  const char* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string command_line(const ToolInfo& info, int argc, char** argv) {
  std::string line = info.name;
  for (int i = 1; i < argc; ++i) line += ' ' + shell_quote(argv[i]);
  return line;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// A mistyped option explains the rest of what is wrong, so it is told first.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error,
                          const Origins& origins) {
  for (const std::string& word : app.remaining()) {
    if (word.size() < 2 || word[0] != '-') continue;
    const std::string name = word.substr(0, word.find('='));
    const std::string guess = nearest(name, option_names(app));
    return fmt::format("unknown option {}{}", name,
                       guess.empty() ? "" : fmt::format("; did you mean {}?", guess));
  }
  if (!app.remaining().empty()) {
    return fmt::format("unexpected argument '{}'", app.remaining().front());
  }
  std::string message = error.what();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (message.find("--" + name) == std::string::npos || option->count() == 0) continue;
    if (const auto origin = origins.find(name); origin != origins.end()) {
      return fmt::format("{}: {}", origin->second, message);
    }
    const char* value = std::getenv(option->get_envname().c_str());
    if (value != nullptr && option->results().front() == value) {
      return fmt::format("{} ({} is set in the environment, or the option was given)", message,
                         option->get_envname());
    }
  }
  return message;
}

// "he-cifar" stands for the recipe of that name that comes with the tools, unless there is such a
// file here.
std::string recipe_path(const std::string& name) {
  std::error_code error;
  if (name.find('/') != std::string::npos || std::filesystem::exists(name, error)) return name;
  for (const char* suffix : {"", ".toml"}) {
    if (const auto found = find_shared("recipes/" + name + suffix); !found.empty()) return found;
  }
  const std::vector<std::string> known = shared_stems("recipes", ".toml");
  const std::string guess = nearest(std::filesystem::path(name).stem().string(), known);
  fail(ErrorKind::usage, "--config {}: no file here, and no recipe{}", name,
       !guess.empty()  ? fmt::format("; did you mean {}?", guess)
       : known.empty() ? ""
                       : fmt::format("; recipes are {}", fmt::join(known, ", ")));
}

// What CLI::App::parse takes: the words in reverse. CLI11 reads the file of --config before it
// looks at the environment, so RESNET_CONFIG becomes an option here.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const std::string option = "--config";
  const auto end = std::find(words.begin(), words.end(), "--");
  bool given = false;
  for (auto word = words.begin(); word != end; ++word) {
    if (word->starts_with(option + "=")) {
      *word = option + "=" + recipe_path(word->substr(option.size() + 1));
      given = true;
    } else if (*word == option && word + 1 != end) {
      ++word;
      *word = recipe_path(*word);
      given = true;
    }
  }
  const char* file = std::getenv("RESNET_CONFIG");
  if (file != nullptr && *file != '\0' && !given) {
    words.insert(words.begin(), option + "=" + recipe_path(file));
  }
  std::reverse(words.begin(), words.end());
  return words;
}

std::vector<std::string> given_options(int argc, char** argv) {
  std::vector<std::string> names;
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with("--")) names.emplace_back(word.substr(2, word.find('=') - 2));
  }
  return names;
}

void check_given(const Invocation& call, std::initializer_list<std::string_view> names,
                 std::string_view how, std::string_view other) {
  for (const std::string_view name : names) {
    if (was_given(call, name)) fail(ErrorKind::usage, "--{} goes {} {}", name, how, other);
  }
}

int run_checked(int argc, char** argv, const ToolInfo& info,
                const std::function<void(CLI::App&)>& bind,
                const std::function<int(const Invocation&)>& run) {
  CLI::App app(info.summary, info.name);
  app.set_help_flag();
  app.option_defaults()->always_capture_default();
  app.formatter(help_formatter());
  bind(app);
  app.footer(footer(info, app));

  Invocation call;
  not_recipe(app.add_flag("-q,--quiet", call.quiet, "Only results, warnings and errors"));
  not_recipe(app.add_flag("-v,--verbose", call.verbose, "Tell more"));
  const auto origins = add_sources(app);
  // Given twice, the later wins, so that an alias or a script can be overruled.
  for (CLI::Option* option : app.get_options()) {
    if (!option->get_positional() && option->get_expected_max() == 1) option->take_last();
  }
  not_recipe(app.set_version_flag("--version", [&] { return version_text(info); }));
  app.get_option("--version")->description("Print the version and stop");
  not_recipe(app.set_help_flag("-h,--help", "Print this and stop"));

  if (argc == 2 && std::string(argv[1]) == "--completion") {
    fmt::print("{}", bash_completion(app));
    return 0;
  }
  try {
    app.parse(arguments(argc, argv));
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    fmt::print("{}", version_text(info));
    return 0;
  } catch (const CLI::ParseError& error) {
    return report(info,
                  fmt::format("{}; see {} --help", usage_message(app, error, *origins), info.name),
                  exit_usage);
  }
  start_log(info.name, call.quiet ? -1 : call.verbose);
  for (const std::string& line : mistyped_variables(app)) warn("{}", line);
  call.tool = info.name;
  call.command_line = command_line(info, argc, argv);
  call.given = given_options(argc, argv);
  call.config = effective_config(app, false);
  call.recipe = effective_config(app, true);
  return run(call);
}

// A standard stream that is closed (>&-) would be the next file that is opened. Writing to stdout
// and reading from stdin fail as before.
void occupy_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    if (open("/dev/null", stream == STDOUT_FILENO ? O_RDONLY : O_WRONLY) != stream) return;
  }
}

}  // namespace

bool was_given(const Invocation& call, std::string_view name) {
  return std::find(call.given.begin(), call.given.end(), name) != call.given.end();
}

void goes_with(const Invocation& call, std::initializer_list<std::string_view> names, bool there,
               std::string_view with) {
  if (!there) check_given(call, names, "with", with);
}

void goes_without(const Invocation& call, std::initializer_list<std::string_view> names, bool there,
                  std::string_view without) {
  if (there) check_given(call, names, "without", without);
}

int run_tool(int argc, char** argv, const ToolInfo& info,
             const std::function<void(CLI::App&)>& bind,
             const std::function<int(const Invocation&)>& run) {
  occupy_streams();
  std::setlocale(LC_ALL, "C");
  std::locale::global(std::locale::classic());
  signal(SIGPIPE, SIG_IGN);  // a write to a closed pipe is EPIPE, which we take quietly
  start_log(info.name, 0);
  int code = exit_failed;
  try {
    code = run_checked(argc, argv, info, bind, run);
  } catch (const Error& error) {
    code = report(info, error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    code = report(info, "out of memory", exit_failed);
  } catch (const std::system_error& error) {
    if (std::ferror(stdout) == 0) return report(info, error.what(), exit_failed);
    if (reader_gone(error.code().value())) return 0;  // fmt::print could not write
    code = report(info, fmt::format("cannot write to stdout: {}", error.code().message()),
                  exit_failed);
  } catch (const std::exception& error) {
    code = report(info, error.what(), exit_failed);
  }
  return finish_stdout(info, code);
}

}  // namespace rn::cli
