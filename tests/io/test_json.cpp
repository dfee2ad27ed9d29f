#include <cmath>
#include <cstdlib>
#include <limits>

#include "io/json.h"
#include "support/catch.h"

using rn::io::Json;
using rn::io::json_number;
using rn::io::json_string;

TEST_CASE("JSON numbers are the shortest that read back the same") {
  CHECK(json_number(0.1) == "0.1");
  CHECK(json_number(1e300) == "1e+300");
  CHECK(json_number(3) == "3");
  CHECK(json_number(-0.0) == "-0");
  for (const double v : {1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.123456789}) {
    CHECK(std::strtod(json_number(v).c_str(), nullptr) == v);
  }
  CHECK(json_number(NAN) == "null");
  CHECK(json_number(-INFINITY) == "null");
}

TEST_CASE("JSON strings are escaped, and never invalid UTF-8") {
  CHECK(json_string("plain") == "\"plain\"");
  CHECK(json_string("a\"b\\c\n\t") == R"("a\"b\\c\n\t")");
  CHECK(json_string(std::string_view("\0\x1f\x7f", 3)) == R"("\u0000\u001f\u007f")");
  CHECK(json_string("ü✓😀") == "\"ü✓😀\"");
  const std::string bad = "\xef\xbf\xbd";
  CHECK(json_string("\xff") == "\"" + bad + "\"");
  CHECK(json_string("a\xc3") == "\"a" + bad + "\"");
  CHECK(json_string("\xc0\xaf") == "\"" + bad + bad + "\"");            // overlong
  CHECK(json_string("\xed\xa0\x80") == "\"" + bad + bad + bad + "\"");  // a surrogate
  CHECK(json_string("\xf4\x90\x80\x80").size() == 2 + 4 * 3);           // above U+10FFFF
}

TEST_CASE("JSON objects are one line, in the order of the calls") {
  Json inner;
  inner.add("x", std::int64_t{-1}).null("y");
  const std::vector<std::string> words = {"a", "b\n"};
  const std::vector<double> numbers = {0.5, NAN};
  const std::vector<std::int64_t> none;
  Json json;
  json.add("name", "n")
      .add("n", 3)
      .add("big", std::numeric_limits<std::uint64_t>::max())
      .add("yes", true)
      .add("inner", inner)
      .add("words", std::span<const std::string>(words))
      .add("numbers", std::span<const double>(numbers))
      .add("none", std::span<const std::int64_t>(none));
  CHECK(json.str() ==
        R"({"name":"n","n":3,"big":18446744073709551615,"yes":true,"inner":{"x":-1,"y":null},)"
        R"("words":["a","b\n"],"numbers":[0.5,null],"none":[]})");
  CHECK(Json().str() == "{}");
}
