#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "support/catch.h"

using rn::parallel_for;

namespace {

// Leaves the number of threads as it was found.
struct Threads {
  explicit Threads(int count) : before(rn::threads()) { rn::set_threads(count); }
  ~Threads() { rn::set_threads(before); }
  int before;
};

}  // namespace

TEST_CASE("every index is taken exactly once") {
  for (const int threads : {1, 2, 3, 8}) {
    const Threads use(threads);
    CHECK(rn::threads() == threads);
    for (const int count : {0, 1, 2, 16, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
      parallel_for(count, [&](int i) { ++seen[static_cast<std::size_t>(i)]; });
      for (const auto& n : seen) CHECK(n == 1);
    }
    parallel_for(-1, [](int) { FAIL("called for no index"); });
  }
}

TEST_CASE("the exception of the lowest index is thrown, and the pool lives on") {
  for (const int threads : {1, 2, 4}) {
    const Threads use(threads);
    for (int round = 0; round < 50; ++round) {
      std::string what;
      try {
        parallel_for(100, [](int i) {
          if (i % 10 == 7) throw std::runtime_error(std::to_string(i));
        });
      } catch (const std::runtime_error& error) {
        what = error.what();
      }
      CHECK(what == "7");
      std::atomic<int> calls{0};
      parallel_for(20, [&](int) { ++calls; });
      CHECK(calls == 20);
    }
  }
}

TEST_CASE("nested regions run serially, in order, and complete") {
  for (const int threads : {1, 3}) {
    const Threads use(threads);
    std::atomic<int> calls{0}, disorder{0};
    parallel_for(6, [&](int) {
      int expected = 0;
      parallel_for(50, [&](int j) {
        if (j != expected++) ++disorder;
        ++calls;
      });
    });
    CHECK(calls == 300);
    CHECK(disorder == 0);
    calls = 0;
    parallel_for(4, [&](int) { ++calls; });  // the outer flag is clear again
    CHECK(calls == 4);
  }
}

TEST_CASE("many short regions, each complete before the next begins") {
  const Threads use(3);
  std::vector<int> values(64, 0);
  for (int round = 0; round < 5000; ++round) {
    parallel_for(64, [&](int i) { values[static_cast<std::size_t>(i)] += 1; });
  }
  for (const int value : values) CHECK(value == 5000);
}

TEST_CASE("the number of threads can change between regions") {
  const Threads use(1);
  for (int round = 0; round < 20; ++round) {
    const int count = 1 + round % 4;
    rn::set_threads(count);
    CHECK(rn::threads() == count);
    std::atomic<int> sum{0};
    parallel_for(10, [&](int i) { sum += i; });
    CHECK(sum == 45);
  }
  rn::set_threads(0);
  CHECK(rn::threads() >= 1);
  CHECK_THROWS_AS(rn::set_threads(-1), rn::Error);
  CHECK_THROWS_AS(rn::set_threads(4097), rn::Error);
}

TEST_CASE("lanes cut a batch without gap or overlap, evenly") {
  CHECK(rn::lanes() == 16);
  for (const std::int64_t n : {0, 1, 15, 16, 17, 128, 1000003}) {
    for (const int lanes : {1, 2, 7, 16}) {
      std::int64_t end = 0;
      for (int lane = 0; lane < lanes; ++lane) {
        const rn::Range range = rn::lane_range(n, lanes, lane);
        CHECK(range.begin == end);
        CHECK(range.size() >= n / lanes);
        CHECK(range.size() <= (n + lanes - 1) / lanes);
        end = range.end;
      }
      CHECK(end == n);
    }
  }
  CHECK_THROWS_AS(rn::set_lanes(0), rn::Error);
  CHECK_THROWS_AS(rn::set_lanes(5000), rn::Error);
  rn::set_lanes(4);
  CHECK(rn::lanes() == 4);
  rn::set_lanes(16);
}
