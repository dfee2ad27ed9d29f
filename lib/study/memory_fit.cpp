// What fits: found by a straight line through what was measured, and then tried, under a limit on
// the Ledger, until one fits and the next does not.
#include <algorithm>
#include <cmath>
#include <map>
#include <new>
#include <optional>

#include "base/error.h"
#include "device/limit.h"
#include "models/revnet.h"
#include "study/memory_run.h"
#include "train/model_file.h"

namespace rn::study {
namespace {

class Limited {
 public:
  explicit Limited(std::int64_t bytes) { set_memory_limit(bytes); }
  ~Limited() { set_memory_limit(no_limit); }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;
};

// Peak bytes of one training step, or nothing where the limit is too low.
std::optional<std::int64_t> try_step(const models::NetworkSpec& spec, const train::MemoryMode& mode,
                                     Dtype dtype, std::int64_t batch, std::uint64_t seed,
                                     Device device, std::int64_t limit) {
  std::optional<std::int64_t> bytes;
  on_fresh_threads([&] {
    const Limited limited(limit);
    try {
      MemoryStep step(spec, dtype, mode, batch, seed, device);
      bytes = step.account().peak_total();
    } catch (const std::bad_alloc&) {
    } catch (const OutOfMemory&) {
    }
  });
  return bytes;
}

// The largest n in [least, most] for which `bytes` has an answer, and what it is; n = 0: none.
struct Found {
  std::int64_t n = 0, bytes = 0;
  bool at_least = false;
};

template <class Bytes>
Found largest(std::int64_t least, std::int64_t most, std::int64_t limit, Bytes bytes) {
  std::map<std::int64_t, std::int64_t> fits;  // n, bytes
  std::int64_t too_many = most + 1;
  const auto fitting = [&](std::int64_t n) {
    const auto found = bytes(n);
    if (found) fits[n] = *found;
    if (!found) too_many = std::min(too_many, n);
    return found.has_value();
  };
  if (least > most || !fitting(least)) return {};
  if (most > least) fitting(least + 1);
  while (fits.rbegin()->first + 1 < too_many) {
    // On along the line through the last two, but not by more than a factor, and never past what
    // was too many; the line is exact but for what comes in steps.
    const auto last = *fits.rbegin();
    const auto before = *std::next(fits.rbegin());
    const double slope = std::max(1.0, static_cast<double>(last.second - before.second) /
                                           static_cast<double>(last.first - before.first));
    const double more = std::floor(static_cast<double>(limit - last.second) / slope);
    const double bound = 16.0 * static_cast<double>(last.first);
    std::int64_t next = last.first + static_cast<std::int64_t>(std::clamp(more, 1.0, bound));
    if (next >= too_many) {
      next = too_many == most + 1
                 ? most
                 : last.first + std::max<std::int64_t>(1, (too_many - last.first) / 2);
    }
    if (!fitting(next) && next - 1 > last.first && next - 1 < too_many) fitting(next - 1);
  }
  return {fits.rbegin()->first, fits.rbegin()->second, fits.rbegin()->first == most};
}

}  // namespace

std::vector<MemoryResult::Limit> fit_memory(const MemoryRun& run, const std::string& arch,
                                            const train::MemoryMode& mode, Dtype dtype) {
  MemoryResult::Limit base;
  base.arch = arch;
  base.activations = activations_name(mode);
  base.stream = stream_name(mode);
  base.precision = train::precision_name(dtype);
  base.memory = run.fit;
  std::vector<MemoryResult::Limit> limits;
  std::int64_t tried = 0;
  if (run.progress) run.progress->begin({.what = "fitting", .item = "tries"});
  const auto search = [&](const char* what, std::int64_t least, std::int64_t most, auto&& units,
                          auto&& batch) {
    MemoryResult::Limit limit = base;
    limit.what = what;
    const Found found = largest(least, most, run.fit, [&](std::int64_t n) {
      if (run.progress) {
        run.progress->advance(++tried,
                              fmt::format("{} {}: {} {}?", arch, base.activations, n, what));
      }
      return try_step(spec_of(run, arch, units(n)), mode, dtype, batch(n), run.seed, run.device,
                      run.fit);
    });
    limit.most = found.n;
    limit.bytes = found.bytes;
    limit.at_least = found.at_least;
    limit.units = units(found.n);
    limit.batch = batch(found.n);
    limits.push_back(limit);
  };
  const std::int64_t own = run.units.empty() ? 0 : run.units.front();
  if (models::find_revnet(arch)) {
    // The first unit of a stage is never inverted.
    search(
        "units", mode.activations == train::Activations::reversible ? 2 : 1, run.most_units,
        [](std::int64_t n) { return n; }, [&](std::int64_t) { return run.batch; });
  }
  search(
      "batch", 1, run.most_batch, [&](std::int64_t) { return own; },
      [](std::int64_t n) { return n; });
  if (std::all_of(limits.begin(), limits.end(), [](const auto& l) { return l.most == 0; })) {
    fail(ErrorKind::failed,
         "--fit: {:.3g} MiB hold no training of '{}' with --activations {}, not even of one image; "
         "give more",
         static_cast<double>(run.fit) / 0x1p20, arch, base.activations);
  }
  return limits;
}

}  // namespace rn::study
