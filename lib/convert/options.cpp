// --arch-option and --map: what the user knows better.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>

#include "base/text.h"
#include "convert/families.h"

namespace rn::convert {
namespace {

using models::NetworkSpec;
using nn::BlockSpec;

struct Handler {
  const char* key;
  const char* help;
  std::function<void(NetworkSpec&, const std::string& value)> apply;
};

[[noreturn]] void bad(const std::string& value, const char* expected) {
  fail(ErrorKind::usage, "'{}': expected {}", value, expected);
}

template <class T>
T number(const std::string& value, T lowest, T highest, const char* expected) {
  T result{};
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, result);
  // Not-a-number fails both comparisons.
  const bool inside = result >= lowest && result <= highest;
  if (parsed.ec != std::errc() || parsed.ptr != end || !inside) bad(value, expected);
  return result;
}

bool truth(const std::string& value) {
  if (value != "0" && value != "1") bad(value, "0 or 1");
  return value == "1";
}

void set_strides(NetworkSpec& spec, const std::string& value) {
  std::vector<int> strides;
  for (std::size_t from = 0; from <= value.size();) {
    const std::size_t end = std::min(value.find(':', from), value.size());
    strides.push_back(number<int>(value.substr(from, end - from), 1, 16, "strides like 1:2:2"));
    from = end + 1;
  }
  const std::vector<Place> places = places_of(spec);
  const std::size_t stages = places.empty() ? 0 : static_cast<std::size_t>(places.back().stage);
  if (strides.size() != stages) {
    fail(ErrorKind::usage, "'{}': the network has {} stages", value, stages);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    spec.blocks[i].stride =
        places[i].block == 1 ? strides[static_cast<std::size_t>(places[i].stage - 1)] : 1;
  }
}

void set_preactivation(NetworkSpec& spec, const std::string& value) {
  if (value != "own" && value != "shared" && value != "projections") {
    bad(value, "own, shared (the first block of each stage) or projections");
  }
  const std::vector<Place> places = places_of(spec);
  for (std::size_t i = 0; i < places.size(); ++i) {
    BlockSpec& block = spec.blocks[i];
    if (block.order != nn::Order::pre || block.preactivation == nn::Preactivation::none) continue;
    const bool projects =
        block.shortcut == nn::ShortcutKind::conv || block.shortcut == nn::ShortcutKind::conv_bn;
    const bool shares =
        value == "shared" ? places[i].block == 1 : value == "projections" && projects;
    block.preactivation = shares ? nn::Preactivation::shared : nn::Preactivation::own;
  }
}

template <class F>
auto each_block(F f) {
  return [f](NetworkSpec& spec, const std::string& value) {
    for (BlockSpec& block : spec.blocks) f(block, value);
  };
}

const std::vector<Handler>& handlers() {
  static const std::vector<Handler> list{
      {"bn_eps", "epsilon of batch norm",
       [](NetworkSpec& spec, const std::string& value) {
         spec.bn_eps = number<double>(value, 1e-12, 0.5, "a number like 1e-5");
         for (BlockSpec& block : spec.blocks) block.bn_eps = spec.bn_eps;
       }},
      {"bn_momentum", "weight of the new batch in its running statistics",
       [](NetworkSpec& spec, const std::string& value) {
         spec.bn_momentum = number<double>(value, 1e-6, 1, "a number like 0.1");
         for (BlockSpec& block : spec.blocks) block.bn_momentum = spec.bn_momentum;
       }},
      {"max_pool", "3x3 maximum of stride 2 after the stem: 0 or 1",
       [](NetworkSpec& spec, const std::string& value) { spec.stem.max_pool = truth(value); }},
      {"padding", "of 3x3 convolutions: symmetric or same (TensorFlow)",
       each_block([](BlockSpec& block, const std::string& value) {
         block.padding = nn::parse_padding(value);
       })},
      {"preactivation", "which pre-activations feed the shortcut too: own, shared, projections",
       set_preactivation},
      {"shortcut_pool", "how padded shortcuts shrink: subsample or average",
       each_block([](BlockSpec& block, const std::string& value) {
         block.shortcut_pool = nn::parse_shortcut_pool(value);
       })},
      {"stem_pad", "padding of the first convolution",
       [](NetworkSpec& spec, const std::string& value) {
         spec.stem.pad = number<int>(value, 0, 30, "0 to 30");
       }},
      {"stem_stride", "stride of the first convolution",
       [](NetworkSpec& spec, const std::string& value) {
         spec.stem.stride = number<int>(value, 1, 16, "1 to 16");
       }},
      {"stride_at", "which convolution of a block bears its stride: 1 to 3",
       each_block([](BlockSpec& block, const std::string& value) {
         const int most = block.kind == nn::BlockKind::bottleneck ? 3 : 2;
         block.stride_at = number<int>(value, 1, most, "a convolution of the block, from 1");
       })},
      {"strides", "of the first block of each stage: 1:2:2", set_strides},
  };
  return list;
}

}  // namespace

const std::vector<ArchOption>& arch_options() {
  static const std::vector<ArchOption> list = [] {
    std::vector<ArchOption> all;
    for (const Handler& handler : handlers()) all.push_back({handler.key, handler.help});
    return all;
  }();
  return list;
}

void apply_options(const RecognizeOptions& options, NetworkSpec& spec) {
  for (const auto& option : options.options) {
    const std::string &key = option.first, &value = option.second;
    const auto found = std::find_if(handlers().begin(), handlers().end(),
                                    [&](const Handler& handler) { return handler.key == key; });
    if (found == handlers().end()) {
      std::vector<std::string> known;
      for (const Handler& handler : handlers()) known.push_back(handler.key);
      fail(ErrorKind::usage, "--arch-option {}: unknown; known are {}", key, some(known, 99));
    }
    try {
      found->apply(spec, value);
    } catch (const Error& error) {
      fail(ErrorKind::usage, "--arch-option {}: {}", key, error.what());
    }
  }
}

void rename(io::WeightFile& file, const std::string& table, const std::string& table_name) {
  std::map<std::string, std::string> to;
  int number = 0;
  for (const std::string& line : lines_of(table)) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos || tab == 0 || tab + 1 == line.size() ||
        line.find('\t', tab + 1) != std::string::npos) {
      fail(ErrorKind::input, "{}:{}: expected THEIRS<TAB>OURS", table_name, number);
    }
    const std::string theirs = line.substr(0, tab);
    if (!to.emplace(theirs, line.substr(tab + 1)).second) {
      fail(ErrorKind::input, "{}:{}: '{}' stands there twice", table_name, number, theirs);
    }
  }
  std::vector<io::Weight> kept;
  for (io::Weight& weight : file.weights) {
    const auto found = to.find(weight.name);
    if (found != to.end()) {
      const std::string ours = found->second;
      to.erase(found);
      if (ours == "-") continue;
      weight.name = ours;
    }
    kept.push_back(std::move(weight));
  }
  file.weights = std::move(kept);
  if (!to.empty()) {
    fail(ErrorKind::input, "{}: renames '{}', which {} does not hold", table_name,
         to.begin()->first, file.name);
  }
}

}  // namespace rn::convert
