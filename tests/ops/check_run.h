// Runs cases of the table: each function looks at one property and reports what it found.
#pragma once

#include <string>
#include <vector>

#include "ops/case.h"

namespace rn::test {

struct Report {
  int passed = 0, failed = 0, skipped = 0;
  bool verbose = false;
  // One line per failure on stdout: op, case, property, numbers.
  void pass(const Case& of, const std::string& property);
  void skip(const Case& of, const std::string& property, const std::string& why);
  void fail(const Case& of, const std::string& property, const std::string& why);
};

// Reference, second call, threads (CPU) or CPU (GPU) for each step.
void check_values(const Case& of, Dtype dtype, Device device, Report& report);
void check_gradients(const Case& of, Device device, Report& report);
void check_refusals(const Case& of, Device device, Report& report);
void bench(const Case& of, Dtype dtype, Device device);

}  // namespace rn::test
