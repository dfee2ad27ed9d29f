#define CATCH_CONFIG_RUNNER
#include <cstdio>
#include <cstdlib>

#include "support/catch.h"

namespace rn::test {

void note_skipped(const std::string& reason) {
  const std::string line = Catch::getResultCapture().getCurrentTestName() + ": " + reason + "\n";
  std::fputs(("skipped: " + line).c_str(), stderr);
  if (const char* path = std::getenv("RN_SKIPPED")) {
    if (std::FILE* file = std::fopen(path, "a")) {
      std::fputs(line.c_str(), file);
      std::fclose(file);
    }
  }
}

}  // namespace rn::test

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
