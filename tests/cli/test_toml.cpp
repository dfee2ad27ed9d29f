#include "base/error.h"
#include "base/suggest.h"
#include "cli/toml.h"
#include "support/catch.h"

using namespace rn;
using cli::parse_toml;

TEST_CASE("TOML values of every kind") {
  const auto entries = parse_toml(
      "# a comment\n"
      "epochs = 1_000   # another\r\n"
      "lr=+0.5\n"
      "name = \"a # b = [c] \\\"d\\\" \\\\ \\n\"\n"
      "raw = 'C:\\x'\n"
      "\"quoted-key\" = true\n"
      "list = [ 1, 2.5e-3,\n  3, # three\n]\n"
      "words = [\"a, b\", 'c']\n"
      "none = []\n"
      "last = -inf",
      "f");
  REQUIRE(entries.size() == 9);
  CHECK(entries[0].key == "epochs");
  CHECK(entries[0].values == std::vector<std::string>{"1000"});
  CHECK(entries[0].line == 2);
  CHECK(entries[1].values[0] == "0.5");
  CHECK(entries[2].values[0] == "a # b = [c] \"d\" \\ \n");
  CHECK(entries[3].values[0] == "C:\\x");
  CHECK(entries[4].key == "quoted-key");
  CHECK(entries[5].values == std::vector<std::string>{"1", "2.5e-3", "3"});
  CHECK(entries[6].values == std::vector<std::string>{"a, b", "c"});
  CHECK(entries[7].values.empty());
  CHECK(entries[8].line == 12);
  CHECK(parse_toml("", "f").empty());
  CHECK(parse_toml("  \n# only\n\n", "f").empty());
}

TEST_CASE("what is not TOML is refused with its line") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"[train]\n", "f:1: tables"},
      {"a = 1\na = 2\n", "f:2: 'a' is set twice (first in line 1)"},
      {"a\n", "f:1: expected KEY"},
      {"a = \n", "f:1: expected a value"},
      {"\n\na = yes\n", "f:3: 'yes'"},
      {"a = \"x\n", "f:1: a string without closing"},
      {"a = [1, 2", "f:1: an array"},
      {"a = [1 2]", "f:1: expected ','"},
      {"a = 1 2\n", "f:1: text after"},
      {"a = \"\\q\"\n", "f:1: unknown escape"},
      {"= 1\n", "f:1: expected KEY"},
      {"a = 0x10\n", "f:1: '0x10'"},
      {std::string("\0\1\2", 3), "f:1: expected KEY"},
      {"a = [[1]]", "f:1: expected a value"},
  };
  for (const auto& [text, message] : cases) {
    INFO(text);
    try {
      parse_toml(text, "f");
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      CHECK_THAT(error.what(), Catch::Matchers::StartsWith(message));
    }
  }
}

TEST_CASE("strings survive writing and reading") {
  for (const std::string text : {"", "plain", "a \"b\" \\ c", "tab\t, line\n, cr\r", "# [x] = y"}) {
    CHECK(parse_toml("k = " + cli::toml_string(text), "f")[0].values[0] == text);
  }
}

TEST_CASE("the nearest name is found, and nothing when none is near") {
  const std::vector<std::string> names{"--epochs", "--threads", "--seed", "--checkpoint-every"};
  CHECK(nearest("--epoch", names) == "--epochs");
  CHECK(nearest("--thraeds", names) == "--threads");
  CHECK(nearest("--sed", names) == "--seed");
  CHECK(nearest("--checkpoint", names) == "--checkpoint-every");
  CHECK(nearest("--photograph", names).empty());
  CHECK(nearest(std::string(100000, 'x'), names).empty());
}
