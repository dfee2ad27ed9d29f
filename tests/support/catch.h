// Catch2 2 or 3, whichever is installed; and skipping that can be seen.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

#include <string>

namespace rn::test {
void note_skipped(const std::string& reason);
}

// Leaves the test case: "no GPU here". The closing summary of `make test` lists what was skipped.
#define RN_SKIP(reason)               \
  do {                                \
    ::rn::test::note_skipped(reason); \
    return;                           \
  } while (false)
