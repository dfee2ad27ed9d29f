// Names for well-known networks. A name only generates a block table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/ck.h"
#include "models/network_spec.h"

namespace rn::models {

struct ArchOptions {
  // Empty or 0: the architecture's own.
  std::int64_t height = 0, width = 0, channels = 3, classes = 0;
  std::string shortcut;                   // "pad_end", "pad_both", "conv", "conv_bn"
  std::string shortcut_pool;              // "subsample", "average"
  int base_width = 0;                     // channels of the stem
  bool batch_norm = true;                 // false: without (vgg only)
  std::vector<std::int64_t> units = {};   // blocks of every stage (revnet, gomez-resnet)
  std::vector<std::int64_t> widths = {};  // channels: of the stem, and of every stage (the same)
  CkOptions ck = {};                      // ck only
};

struct ArchEntry {
  std::string name;
  std::string what;  // one line
};

std::vector<ArchEntry> archs();

// Errors (usage): unknown name (with the nearest known one) or option.
NetworkSpec make_arch(const std::string& name, const ArchOptions& options = {});

}  // namespace rn::models
