#include "base/error.h"
#include "support/catch.h"

using rn::Error;
using rn::ErrorKind;

TEST_CASE("a message is one line, whatever it quotes") {
  const auto what = [](const std::string& text) {
    return std::string(Error(ErrorKind::input, text).what());
  };
  CHECK(what("m.h5: damaged") == "m.h5: damaged");
  CHECK(what("block 'a\nb\x1b[31m\x7f'") == "block 'a\\x0ab\\x1b[31m\\x7f'");
  CHECK(what(std::string("a\0b", 3)) == "a\\x00b");
  CHECK(what("M\xc3\xbcller") == "M\xc3\xbcller");  // UTF-8 stays
}
