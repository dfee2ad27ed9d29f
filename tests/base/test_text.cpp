#include "base/text.h"
#include "support/catch.h"

using rn::lines_of;
using Lines = std::vector<std::string>;

TEST_CASE("a text is cut at the ends of its lines") {
  CHECK(lines_of("").empty());
  CHECK(lines_of("a") == Lines{"a"});
  CHECK(lines_of("a\n") == Lines{"a"});
  CHECK(lines_of("a\n\nb") == Lines{"a", "", "b"});
  CHECK(lines_of("\n") == Lines{""});
  CHECK(lines_of("a \r\n\rb\r") == Lines{"a ", "\rb"});
}
