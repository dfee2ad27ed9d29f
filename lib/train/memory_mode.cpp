#include "train/memory_mode.h"

#include <charconv>
#include <cmath>

#include "base/error.h"

namespace rn::train {
namespace {

constexpr int default_bits = 12, most_bits = 20;
constexpr std::int64_t most_blocks = 10000;

// The number behind "word:", or -1.
std::int64_t behind(const std::string& text, const std::string& word, std::int64_t least,
                    std::int64_t most) {
  const char* begin = text.data() + word.size() + 1;
  const char* end = text.data() + text.size();
  std::int64_t value = 0;
  if (!text.starts_with(word + ":") || begin >= end) return -1;
  const auto parsed = std::from_chars(begin, end, value);
  const bool good =
      parsed.ec == std::errc() && parsed.ptr == end && value >= least && value <= most;
  return good ? value : -1;
}

}  // namespace

void parse_activations(const std::string& text, MemoryMode& mode) {
  mode.segment = 0;
  if (text == "stored") {
    mode.activations = Activations::stored;
  } else if (text == "reversible") {
    mode.activations = Activations::reversible;
  } else if (text == "checkpointed") {
    mode.activations = Activations::checkpointed;
  } else if (const auto k = behind(text, "checkpointed", 1, most_blocks); k > 0) {
    mode.activations = Activations::checkpointed;
    mode.segment = k;
  } else {
    fail(ErrorKind::usage,
         "activations '{}': expected stored, checkpointed, checkpointed:K (K from 1 to {}) or "
         "reversible",
         text.substr(0, 60), most_blocks);
  }
}

void parse_stream(const std::string& text, MemoryMode& mode) {
  if (text == "float") {
    mode.fixed_bits = -1;
  } else if (text == "fixed") {
    mode.fixed_bits = default_bits;
  } else if (const auto q = behind(text, "fixed", 0, most_bits); q >= 0) {
    mode.fixed_bits = static_cast<int>(q);
  } else {
    fail(ErrorKind::usage, "stream '{}': expected float, fixed or fixed:Q (Q from 0 to {})",
         text.substr(0, 60), most_bits);
  }
}

std::string activations_name(const MemoryMode& mode) {
  switch (mode.activations) {
    case Activations::reversible: return "reversible";
    case Activations::checkpointed:
      return mode.segment > 0 ? fmt::format("checkpointed:{}", mode.segment) : "checkpointed";
    default: return "stored";
  }
}

std::string stream_name(const MemoryMode& mode) {
  return mode.fixed_bits < 0 ? "float" : fmt::format("fixed:{}", mode.fixed_bits);
}

void check(const MemoryMode& mode, const models::NetworkSpec& spec) {
  bool invertible = false, reversible = false;
  for (const nn::BlockSpec& block : spec.blocks) {
    invertible = invertible || block.invertible();
    reversible = reversible || block.reversible;
  }
  if (mode.activations == Activations::reversible && !invertible) {
    fail(ErrorKind::usage,
         "--activations reversible: '{}' {}; train a revnet (--list-archs), or take checkpointed",
         spec.arch, reversible ? "has no block that can be inverted" : "is not reversible");
  }
  if (mode.fixed_bits >= 0 && !reversible) {
    fail(ErrorKind::usage,
         "--stream fixed: '{}' is not reversible, its stream is a floating-point one", spec.arch);
  }
}

void apply(const MemoryMode& mode, models::Network& network, nn::Pass& pass) {
  pass.reversible = mode.activations == Activations::reversible;
  pass.grid = mode.fixed_bits < 0 ? 0 : std::ldexp(1.0, -mode.fixed_bits);
  network.checkpoints = {};
  if (mode.activations != Activations::checkpointed) return;
  network.checkpoints = mode.segment > 0 ? models::Checkpoints{mode.segment}
                                         : models::Checkpoints::root(network.block_count());
}

}  // namespace rn::train
