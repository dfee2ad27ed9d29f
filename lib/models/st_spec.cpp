// Spatiotemporal networks as data.
#include <array>

#include "base/error.h"
#include "models/st_resnet.h"

namespace rn::models {
namespace {

constexpr int taps = 3;  // of temporal convolutions (Feichtenhofer et al. 2016)

template <class E, std::size_t N>
E parse(const std::array<E, N>& values, const std::string& text, const char* what) {
  std::string known;
  for (const E value : values) {
    if (text == to_string(value)) return value;
    known += (known.empty() ? "" : ", ") + std::string(to_string(value));
  }
  fail(ErrorKind::usage, "{} '{}': expected one of {}", what, text.substr(0, 60), known);
}

// The same table but for what may differ between streams.
bool alike(NetworkSpec a, const NetworkSpec& b) {
  a.channels = b.channels;
  a.arch = b.arch;
  return a == b;
}

NetworkSpec stream(NetworkSpec spec, const StOptions& options, std::int64_t channels) {
  const std::string arch = spec.arch;
  spec.channels = channels;
  if (options.height > 0) spec.height = options.height;
  if (options.width > 0) spec.width = options.width;
  if (options.classes > 0) spec.classes = options.classes;
  for (const nn::BlockSpec& block : spec.blocks) {
    if (block.order == nn::Order::post && !block.reversible &&
        (block.kind == nn::BlockKind::basic || block.kind == nn::BlockKind::bottleneck)) {
      continue;
    }
    fail(ErrorKind::usage,
         "architecture '{}' cannot be a stream: streams are residual networks with the ReLU behind "
         "the addition, such as resnet50, resnet18 or resnet14-cifar",
         arch);
  }
  const bool both = options.appearance && options.motion;
  if (options.temporal_convs || (both && options.connection != Connection::none)) {
    try {
      for (const std::int64_t place : second_units(spec)) {
        if (options.temporal_convs) spec.blocks[static_cast<std::size_t>(place)].temporal = taps;
      }
    } catch (const Error& error) {
      fail(ErrorKind::usage, "architecture '{}' cannot be spatiotemporal: {}", arch, error.what());
    }
  }
  spec.head.temporal_pool = options.temporal_pool;
  if (options.temporal_pool != TemporalPool::none) {
    spec.head.pool_size = options.pool_size;
    spec.head.pool_stride = options.pool_stride;
  }
  return spec;
}

}  // namespace

const char* to_string(Connection value) {
  switch (value) {
    case Connection::none: return "none";
    case Connection::additive: return "additive";
    case Connection::multiplicative: return "multiplicative";
  }
  return "?";
}

Connection parse_connection(const std::string& text) {
  using enum Connection;
  return parse(std::array{none, additive, multiplicative}, text, "connection");
}

TemporalPool parse_temporal_pool(const std::string& text) {
  using enum TemporalPool;
  return parse(std::array{none, before_average, after_average}, text, "temporal pooling");
}

std::vector<std::int64_t> second_units(const NetworkSpec& spec) {
  std::vector<std::int64_t> places;
  for (std::size_t from = 0; from < spec.blocks.size();) {
    const std::string stage = spec.blocks[from].stage();
    std::size_t to = from;
    while (to < spec.blocks.size() && spec.blocks[to].stage() == stage) ++to;
    if (to - from < 2) fail(ErrorKind::input, "{} has no second unit", stage);
    const nn::BlockSpec& unit = spec.blocks[from + 1];
    if (unit.downsamples() || unit.shortcut != nn::ShortcutKind::identity ||
        unit.order != nn::Order::post) {
      fail(ErrorKind::input, "unit '{}' is not a post-activation one that keeps its input's shape",
           unit.name);
    }
    places.push_back(static_cast<std::int64_t>(from + 1));
    from = to;
  }
  return places;
}

void check(const StSpec& spec) {
  const auto demand = [&](bool holds, const std::string& what) {
    if (!holds) {
      fail(ErrorKind::input, "spatiotemporal network '{}': {}", spec.arch.substr(0, 200), what);
    }
  };
  demand(spec.arch.size() <= 200 && one_line(spec.arch) == spec.arch,
         "its name is not one line of at most 200 bytes");
  demand(spec.appearance || spec.motion, "it has no stream");
  if (spec.appearance) check(*spec.appearance);
  if (spec.motion) {
    check(*spec.motion);
    demand(spec.motion->channels % 2 == 0,
           "the motion stream's channels are not pairs of displacements");
  }
  demand(spec.gate >= -1e6 && spec.gate <= 1e6, "the gate must be between -1e6 and 1e6");
  demand(!spec.before_relu || spec.connection != Connection::none,
         "before_relu without a connection");
  if (spec.connection == Connection::none) return;
  demand(spec.appearance && spec.motion, "a connection needs two streams");
  demand(alike(*spec.appearance, *spec.motion), "connected streams have tables that differ");
  second_units(*spec.appearance);
}

StSpec make_st_spec(const NetworkSpec& table, const StOptions& options) {
  if (!options.appearance && !options.motion) {
    fail(ErrorKind::usage, "a network of no stream: leave appearance or motion on");
  }
  if (options.flow_stack < 1 || options.flow_stack > 1024) {
    fail(ErrorKind::usage, "a stack of {} flow fields: expected 1 to 1024", options.flow_stack);
  }
  StSpec spec;
  spec.arch = table.arch;
  if (options.appearance) spec.appearance = stream(table, options, 3);
  if (options.motion) spec.motion = stream(table, options, 2 * options.flow_stack);
  if (options.appearance && options.motion) spec.connection = options.connection;
  spec.before_relu = options.before_relu && spec.connection != Connection::none;
  spec.gate = options.gate;
  check(spec);
  return spec;
}

StSpec make_st_spec(const std::string& arch, const StOptions& options) {
  return make_st_spec(make_arch(arch, {.height = options.height,
                                       .width = options.width,
                                       .classes = options.classes,
                                       .base_width = options.base_width}),
                      options);
}

}  // namespace rn::models
