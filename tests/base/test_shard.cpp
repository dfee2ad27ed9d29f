#include <cstdlib>

#include "base/shard.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using rn::test::contains;
using rn::test::error_of;

namespace {

std::string refusal(const std::string& text) {
  return error_of(ErrorKind::usage, [&] { parse_shard(text); });
}

}  // namespace

TEST_CASE("a shard is written as people count") {
  CHECK(parse_shard("3/8") == Shard{2, 8});
  CHECK(parse_shard("1/1") == Shard{});
  CHECK(to_string(Shard{2, 8}) == "3/8");
  for (const char* text :
       {"", "3", "/", "3/", "/8", "a/b", "3/8/2", " 3/8", "3/99999999999999999999"}) {
    CHECK(contains(refusal(text), "expected K/N (from 1), such as 3/8, or auto"));
  }
  for (const char* text : {"0/8", "9/8", "-1/8", "1/0"}) {
    CHECK(contains(refusal(text), "expected K/N with K from 1 to N"));
  }
}

TEST_CASE("a shard is what the job array says") {
  const auto set = [](const char* id, const char* least, const char* count) {
    ::setenv("SLURM_ARRAY_TASK_ID", id, 1);
    ::setenv("SLURM_ARRAY_TASK_MIN", least, 1);
    ::setenv("SLURM_ARRAY_TASK_COUNT", count, 1);
  };
  set("5", "4", "3");
  CHECK(parse_shard("auto") == Shard{1, 3});
  set("7", "4", "3");
  CHECK(contains(refusal("auto"), "indices must follow each other"));
  ::unsetenv("SLURM_ARRAY_TASK_MIN");
  CHECK(contains(refusal("auto"), "SLURM_ARRAY_TASK_MIN is not set"));
}

TEST_CASE("missing shards are named, the first twenty of them") {
  CHECK(missing_shards({true, true}).empty());
  CHECK(missing_shards({true, false, true, false}) == "2/4, 4/4");
  const std::string many = missing_shards(std::vector<bool>(100, false));
  CHECK(contains(many, "20/100, ..."));
  CHECK(!contains(many, "21/100"));
}

TEST_CASE("shards that are put together are each there once") {
  GivenShards given(3);
  given.add({2, 3}, "c.h5");
  CHECK(error_of(ErrorKind::input, [&] {
          given.add({2, 3}, "d.h5");
        }) == "d.h5: shard 3/3 was given twice");
  given.add({0, 3}, "a.h5");
  CHECK(error_of(ErrorKind::input, [&] { given.demand_all("c.h5"); }) ==
        "c.h5: 2 of 3 shards: 2/3 missing");
  given.add({1, 3}, "b.h5");
  CHECK_NOTHROW(given.demand_all("c.h5"));
}
