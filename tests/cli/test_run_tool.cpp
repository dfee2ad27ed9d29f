#include <fmt/format.h>

#include <new>

#include "base/parallel.h"
#include "base/version.h"
#include "cli/run_forked.h"
#include "cli/run_tool.h"
#include "support/catch.h"

using namespace rn;
using rn::test::run_forked;

namespace {

struct Options {
  cli::CommonOptions common;
  std::string model;
  double lr = 0.1;
  std::vector<int> at{1, 2};
};

void bind(CLI::App& app, Options& o) {
  using cli::Common;
  app.add_option("MODEL", o.model, "What to do it to")->required();
  app.add_option("--lr", o.lr, "Learning rate")->check(cli::real(0));
  app.add_option("--at", o.at, "Where");
  cli::add_common(
      app, o.common,
      {Common::device, Common::precision, Common::threads, Common::lanes, Common::seed,
       Common::output, Common::json, Common::dry_run, Common::no_provenance, Common::progress});
}

int run(const Options& o, const cli::Invocation& call) {
  cli::start(o.common);
  if (o.model == "warn") warn("odd {}", "thing");
  if (o.model == "fail") fail(ErrorKind::input, "{}: not\na model", o.model);
  if (o.model == "diverge") fail(ErrorKind::numeric, "NaN");
  if (o.model == "memory") throw std::bad_alloc();
  if (o.model == "config") {
    fmt::print("{}", call.config);
  } else if (o.model == "recipe") {
    fmt::print("{}", call.recipe);
  } else if (o.model == "line") {
    fmt::print("{}\n", call.command_line);
  } else {
    fmt::print("seed={} lr={} threads={} json={} lanes={}\n", o.common.seed, o.lr, threads(),
               o.common.json, lanes());
  }
  return o.model == "stop" ? exit_stopped : 0;
}

int tool(int argc, char** argv) {
  return cli::run_tool<Options>(
      argc, argv, {"resnet-x", "Try things out", [] { return std::vector<std::string>{"lib 1"}; }},
      bind, run);
}

using Words = std::vector<std::string>;
Words words(std::initializer_list<std::string> tail) {
  Words all{"resnet-x"};
  all.insert(all.end(), tail);
  return all;
}

}  // namespace

TEST_CASE("a value comes from the flag, else the environment, else the file, else the default") {
  const test::Scratch scratch;
  const auto file =
      scratch.write("c.toml", "seed = 10\nlr = 0.5 # half\nthreads = 1\njson = true\n");
  const auto all_three = words({"m", "--config", file, "--seed", "30", "--threads", "2"});
  const std::map<std::string, std::string> environment{{"RESNET_SEED", "20"}, {"RESNET_LR", "0.7"}};

  CHECK(run_forked(tool, words({"m", "--threads=1"})).out ==
        "seed=1 lr=0.1 threads=1 json=false lanes=16\n");
  CHECK(run_forked(tool, words({"m", "--config", file})).out ==
        "seed=10 lr=0.5 threads=1 json=true lanes=16\n");
  CHECK(run_forked(tool, words({"m", "--config", file}), environment).out ==
        "seed=20 lr=0.7 threads=1 json=true lanes=16\n");
  CHECK(run_forked(tool, all_three, environment).out ==
        "seed=30 lr=0.7 threads=2 json=true lanes=16\n");
  CHECK(run_forked(tool, words({"m"}), {{"RESNET_CONFIG", file}}).out ==
        "seed=10 lr=0.5 threads=1 json=true lanes=16\n");
  // The environment beats the file for flags too, and an empty variable counts for nothing.
  CHECK(
      run_forked(tool, words({"m", "--config", file}), {{"RESNET_JSON", "0"}, {"RESNET_SEED", ""}})
          .out == "seed=10 lr=0.5 threads=1 json=false lanes=16\n");
}

TEST_CASE("an unknown key in a file names file, line, key and the nearest option") {
  const test::Scratch scratch;
  const auto file = scratch.write("c.toml", "# recipe\nsede = 10\n");
  const auto outcome = run_forked(tool, words({"m", "--config", file}));
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.err == "resnet-x: " + file + ":2: unknown key 'sede'; did you mean 'seed'?\n");

  const auto far = scratch.write("far.toml", "photograph = 1\n");
  CHECK_THAT(run_forked(tool, words({"m", "--config", far})).err,
             Catch::Matchers::Contains("unknown key 'photograph'; resnet-x --help"));
  const auto help = scratch.write("help.toml", "help = true\n");
  CHECK(run_forked(tool, words({"m", "--config", help})).code == 2);
  CHECK(run_forked(tool, words({"m", "--config", scratch / "absent.toml"})).code == 2);
  // Underscores are as good as hyphens.
  const auto other = scratch.write("other.toml", "no_provenance = true\nseed = 3\n");
  CHECK(run_forked(tool, words({"m", "--config", other})).code == 0);
}

TEST_CASE("a recipe that comes with the tools is found by its name") {
  for (const char* name : {"he-cifar", "he-cifar.toml"}) {
    // This little tool knows none of its keys: the error shows which file was read.
    const auto outcome = run_forked(tool, words({"m", "--config", name}));
    CHECK(outcome.code == 2);
    CHECK_THAT(outcome.err, Catch::Matchers::Contains("share/resnet-tools/recipes/he-cifar.toml:"));
  }
  const auto absent = run_forked(tool, words({"m", "--config=no-such-recipe"}));
  CHECK(absent.code == 2);
  CHECK_THAT(absent.err, Catch::Matchers::Contains("no-such-recipe"));
}

TEST_CASE("a wrong value says where it came from") {
  const test::Scratch scratch;
  const auto file = scratch.write("c.toml", "\nseed = \"many\"\n");
  const auto from_file = run_forked(tool, words({"m", "--config", file}));
  CHECK(from_file.code == 2);
  CHECK_THAT(from_file.err, Catch::Matchers::Contains(file + ":2") &&
                                Catch::Matchers::Contains("'many' is not a whole number"));
  const auto from_environment = run_forked(tool, words({"m"}), {{"RESNET_LR", "-1"}});
  CHECK(from_environment.code == 2);
  CHECK_THAT(from_environment.err, Catch::Matchers::Contains("RESNET_LR"));
}

TEST_CASE("a mistyped variable is told of, another tool's is not") {
  const auto mistyped = run_forked(tool, words({"m"}), {{"RESNET_THRAEDS", "1"}});
  CHECK(mistyped.code == 0);
  CHECK_THAT(mistyped.err,
             Catch::Matchers::Contains(
                 "RESNET_THRAEDS: is none of the options; did you mean RESNET_THREADS?"));
  for (const char* other : {"RESNET_MEMORY_LIMIT", "RESNET_CUTOUT", "RESNET_STREAM"}) {
    CHECK(run_forked(tool, words({"m"}), {{other, "1"}}).err.empty());
  }
}

TEST_CASE("wrong command lines exit with 2 and one line") {
  const std::vector<std::pair<Words, std::string>> cases{
      {words({"m", "--sede", "4"}), "unknown option --sede; did you mean --seed?"},
      {words({"--modle=x", "--theads=4"}), "unknown option --modle"},
      {words({"m", "--theads=4"}), "did you mean --threads?"},
      {words({}), "MODEL is required"},
      {words({"m", "n"}), "unexpected argument 'n'"},
      {words({"m", "--seed", "-1"}), "-1 is less than 0"},
      {words({"m", "--seed", "010"}), "not a whole number"},
      {words({"m", "--seed", "1e3"}), "not a whole number"},
      {words({"m", "--lr", "nan"}), "not a number"},
      {words({"m", "--precision", "fp8"}), "fp8"},
      {words({"m", "--device", "gpu"}), "expected auto, cpu or cuda[:N]"},
      {words({"m", "--seed"}), "--seed"},
  };
  for (const auto& [line, expected] : cases) {
    const auto outcome = run_forked(tool, line);
    INFO(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK_THAT(outcome.err,
               Catch::Matchers::StartsWith("resnet-x: ") && Catch::Matchers::Contains(expected));
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  }
}

TEST_CASE("errors become one line and their exit code") {
  const auto input = run_forked(tool, words({"fail"}));
  CHECK(input.code == 3);
  CHECK(input.err == "resnet-x: fail: not\\x0aa model\n");  // what is no text is escaped
  CHECK(run_forked(tool, words({"diverge"})).code == 5);
  CHECK(run_forked(tool, words({"stop"})).code == 75);
  CHECK(run_forked(tool, words({"m", "--device", "cuda:99"})).code == 4);
  const auto memory = run_forked(tool, words({"memory"}));
  CHECK(memory.code == 1);
  CHECK(memory.err == "resnet-x: out of memory\n");
}

TEST_CASE("help and version go to stdout") {
  const auto help = run_forked(tool, words({"--help"}));
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  CHECK_THAT(help.out, Catch::Matchers::StartsWith("resnet-x: Try things out\n\nUsage: resnet-x "
                                                   "[OPTION]... MODEL\n") &&
                           Catch::Matchers::Contains("--seed UINT") &&
                           Catch::Matchers::Contains("75 stopped") &&
                           Catch::Matchers::Contains("man resnet-x"));
  std::size_t longest = 0, begin = 0;
  for (std::size_t end; (end = help.out.find('\n', begin)) != std::string::npos; begin = end + 1) {
    longest = std::max(longest, end - begin);
  }
  CHECK(longest <= 80);
  const auto version = run_forked(tool, words({"--version"}));
  CHECK(version.code == 0);
  CHECK(version.out == fmt::format("resnet-x {} ({})\nlib 1\n", rn::version(), git_revision()));
}

TEST_CASE("warnings and notes carry the tool's name") {
  CHECK(run_forked(tool, words({"warn"})).err == "resnet-x: warning: odd thing\n");
  CHECK(run_forked(tool, words({"warn", "-q"})).err == "resnet-x: warning: odd thing\n");
}

TEST_CASE("a full disk behind stdout is an error") {
  const auto outcome = run_forked(tool, words({"m"}), {}, "/dev/full");
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.err, Catch::Matchers::Contains("No space left on device"));
  CHECK(run_forked(tool, words({"--help"}), {}, "/dev/full").code == 1);
}

TEST_CASE("a reader that has gone away is no error") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  const auto gone = [&](int argc, char** argv) {
    dup2(ends[1], STDOUT_FILENO);
    return tool(argc, argv);
  };
  const auto outcome = run_forked(gone, words({"m"}));
  close(ends[1]);
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
}

TEST_CASE("the effective configuration can be read back and has a fixed order") {
  const auto first = run_forked(tool, words({"config", "--seed", "7", "--at", "4", "--at", "5"}));
  CHECK(first.code == 0);
  CHECK_THAT(first.out, Catch::Matchers::StartsWith("# MODEL = \"config\"\nlr = 0.1\nat = [4, 5]\n"
                                                    "device = \"auto\"\nprecision = \"fp32\"\n") &&
                            Catch::Matchers::Contains("seed = 7\n") &&
                            Catch::Matchers::Contains("json = false\n"));
  const test::Scratch scratch;
  const auto file = scratch.write("again.toml", first.out);
  CHECK(run_forked(tool, words({"config", "--config", file})).out == first.out);

  const auto recipe = run_forked(tool, words({"recipe", "--threads", "3", "-q", "--force"}));
  CHECK(recipe.out ==
        "lr = 0.1\nat = [1, 2]\ndevice = \"auto\"\nprecision = \"fp32\"\nlanes = 16\nseed = 1\n");
}

TEST_CASE("the command line is written so that a shell reads it back") {
  const auto outcome = run_forked(tool, words({"line", "-o", "it's a; file", "--seed=2"}));
  CHECK(outcome.out == "resnet-x line -o 'it'\\''s a; file' --seed=2\n");
}
