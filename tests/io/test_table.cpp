// Tables and records for other programs.
#include "io/table.h"
#include "support/catch.h"

using namespace rn;

namespace {

struct Measured {
  std::string name;
  std::int64_t count = 0;
  double share = 0;
  bool whole = false;
};

template <class Put>
void fields(const Measured& m, Put put) {
  put("name", m.name);
  put("count", m.count);
  put("share", m.share);
  put("whole", m.whole);
}

}  // namespace

TEST_CASE("a table is a header and records of as many fields", "[io]") {
  io::Table table("name", "value");
  table.row("one", 1);
  table.cells("two");
  table.cells(0.1);
  table.end();
  CHECK(table.str() == "name\tvalue\none\t1\ntwo\t0.1\n");
  CHECK_THROWS_AS(table.row("three"), Error);
}

TEST_CASE("names from files cannot break a table", "[io]") {
  io::Table table("name", "value");
  table.row(std::string("a\tb\nc\x1b[2J"), true);
  CHECK(table.str() == "name\tvalue\na?b?c?[2J\t1\n");
}

TEST_CASE("the same records are a table and JSON", "[io]") {
  const std::vector<Measured> measured{{"first", 3, 0.5, true}, {"second", 4, 1.0 / 3, false}};
  CHECK(io::table_of(measured) ==
        "name\tcount\tshare\twhole\nfirst\t3\t0.5\t1\nsecond\t4\t0.3333333333333333\t0\n");
  const std::vector<io::Json> objects = io::objects_of(measured);
  REQUIRE(objects.size() == 2);
  CHECK(objects[0].str() == R"({"name":"first","count":3,"share":0.5,"whole":true})");
  CHECK(io::table_of(std::vector<Measured>{}) == "name\tcount\tshare\twhole\n");
}
