// check-ops: compares, checks and times single ops, on this machine or any other.
//   check-ops [--op conv] [--case NAME] [--device cpu|cuda] [--dtype fp32|bf16|fp64] [--shard k/n]
//   [--no-gradients] [--bench] [--list] [--about] [-v]
// Exit 0 if nothing failed, 1 if something did, 2 for a wrong command line.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>

#include "base/error.h"
#include "base/parallel.h"
#include "ops/backend.h"
#include "ops/check_ceilings.h"
#include "ops/check_run.h"

namespace rn::test {
namespace {

struct Options {
  std::string op, name, device, dtype, shard;
  int threads = 0;
  int part = 0, parts = 1;  // every parts-th case, from this one on
  bool bench = false, list = false, about = false, verbose = false;
  bool gradients = true;  // finite differences: dozens of runs a case
};

Options parse(int argc, char** argv) {
  Options options;
  const std::map<std::string, std::string*> texts = {{"--op", &options.op},
                                                     {"--case", &options.name},
                                                     {"--device", &options.device},
                                                     {"--dtype", &options.dtype},
                                                     {"--shard", &options.shard}};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--bench") {
      options.bench = true;
    } else if (word == "--no-gradients") {
      options.gradients = false;
    } else if (word == "--list") {
      options.list = true;
    } else if (word == "--about") {
      options.about = true;
    } else if (word == "-v") {
      options.verbose = true;
    } else if (word == "--threads" && i + 1 < argc) {
      options.threads = std::atoi(argv[++i]);
    } else if (texts.count(word) != 0 && i + 1 < argc) {
      *texts.at(word) = argv[++i];
    } else {
      fail(ErrorKind::usage,
           "unknown or incomplete option '{}'; usage: check-ops [--op OP] [--case NAME] [--device "
           "cpu|cuda] [--dtype fp32|bf16|fp64] [--shard k/n] [--threads N] [--no-gradients] "
           "[--bench] [--list] [--about] [-v]",
           word);
    }
  }
  if (!options.shard.empty()) {
    char rest = 0;
    const int read =
        std::sscanf(options.shard.c_str(), "%d/%d%c", &options.part, &options.parts, &rest);
    if (read != 2 || options.part < 1 || options.part > options.parts) {
      fail(ErrorKind::usage, "--shard {}: expected k/n, as 1/4", options.shard);
    }
    --options.part;
  }
  const std::string& d = options.dtype;
  if (!d.empty() && d != "fp32" && d != "fp64" && d != "bf16") {
    fail(ErrorKind::usage, "--dtype {}: expected fp32, bf16 or fp64", d);
  }
  return options;
}

Cases all_cases() {
  Cases cases;
  conv_cases(cases);
  pointwise_cases(cases);
  batch_norm_cases(cases);
  pool_cases(cases);
  linear_cases(cases);
  loss_cases(cases);
  reduce_cases(cases);
  index_cases(cases);
  optimizer_cases(cases);
  adam_cases(cases);
  clip_cases(cases);
  dropout_cases(cases);
  stream_cases(cases);
  ck_cases(cases);
  flow_cases(cases);
  temporal_cases(cases);
  return cases;
}

// A device is asked for, or all that this machine has are taken.
std::vector<Device> devices_of(const Options& options, Report& report) {
  if (!options.device.empty()) return {parse_device(options.device)};
  if (rn::cuda::device_count() > 0) return {cpu, Device{DeviceKind::cuda, 0}};
  const std::string line =
      fmt::format("check-ops {}: no CUDA device ({})\n", options.op,
                  rn::cuda::built() ? "none on this machine" : "built without CUDA");
  fmt::print("skipped: {}", line);
  if (const char* path = std::getenv("RN_SKIPPED")) {  // the list that `make test` closes with
    if (std::FILE* file = std::fopen(path, "a")) {
      std::fputs(line.c_str(), file);
      std::fclose(file);
    }
  }
  ++report.skipped;
  return {cpu};
}

// The types that a case is run in; bf16 in every arithmetic that the processor has.
struct Way {
  Dtype dtype;
  ops::Bf16 bf16 = ops::Bf16::widened;
};
std::vector<Way> ways_of(const Case& of, const Options& options, Device device) {
  std::vector<Way> ways;
  const auto wanted = [&](const char* name) {
    return options.dtype.empty() || options.dtype == name;
  };
  if (wanted("fp32")) ways.push_back({Dtype::f32});
  if (wanted("fp64")) ways.push_back({Dtype::f64});
  if (wanted("bf16") && of.bf16) {
    ways.push_back({Dtype::bf16, ops::Bf16::widened});
    if (device.is_cpu() && ops::has_native_bf16()) ways.push_back({Dtype::bf16, ops::Bf16::native});
  }
  return ways;
}

int run(const Options& options) {
  set_threads(options.threads);
  if (options.about) {  // the device, in words
    fmt::print("{}\n", describe(parse_device(options.device.empty() ? "auto" : options.device)));
    return 0;
  }
  Report report;
  report.verbose = options.verbose;
  const std::vector<Device> devices =
      options.list ? std::vector<Device>{cpu} : devices_of(options, report);
  if (options.bench) {
    fmt::print(
        "# {} threads; at most {:.0f} GFLOP/s in f32, {:.0f} in f64, {:.1f} GB/s copied in "
        "memory.\n"
        "# The last column: the time that the operations, or the bytes, would take at least (the\n"
        "# bytes at the rate of a copy of as many), over the time taken. bf16 is held against "
        "f32.\n",
        threads(), peak_flops(false) * 1e-9, peak_flops(true) * 1e-9,
        peak_bandwidth(1 << 29) * 1e-9);
  }
  int matched = 0, number = 0;
  for (const Case& of : all_cases()) {
    if (!options.op.empty() && of.op != options.op) continue;
    if (!options.name.empty() && of.name != options.name) continue;
    if (number++ % options.parts != options.part) continue;
    if (options.list) fmt::print("{} {}{}\n", of.op, of.name, of.bench ? " (bench)" : "");
    if (options.list || options.bench != of.bench) {
      matched += options.list;
      continue;
    }
    ++matched;
    for (const Device device : devices) {
      for (const Way& way : ways_of(of, options, device)) {
        if (way.dtype == Dtype::bf16) ops::set_bf16_arithmetic(way.bf16);
        if (options.bench) {
          bench(of, way.dtype, device);
        } else {
          check_values(of, way.dtype, device, report);
        }
      }
      if (options.bench) continue;
      if (options.gradients) check_gradients(of, device, report);
      check_refusals(of, device, report);
    }
  }
  if (matched == 0) {
    fail(ErrorKind::usage, "no case is called '{}' '{}': see --list", options.op, options.name);
  }
  if (options.list || options.bench) return 0;
  fmt::print("{} passed, {} failed, {} skipped\n", report.passed, report.failed, report.skipped);
  return report.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace rn::test

int main(int argc, char** argv) {
  try {
    return rn::test::run(rn::test::parse(argc, argv));
  } catch (const rn::Error& error) {
    std::fprintf(stderr, "check-ops: %s\n", error.what());
    return rn::exit_code(error.kind());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "check-ops: %s\n", error.what());
    return 1;
  }
}
