// The block table of a model file: one column per field of nn::BlockSpec, and the attributes of
// stem, head and input.
#include <algorithm>
#include <functional>
#include <limits>

#include "io/schema.h"
#include "models/st_resnet.h"
#include "train/model_file_parts.h"

namespace rn::train {
namespace {

namespace schema = io::schema;

int narrow(const io::H5& file, const std::string& what, std::int64_t value) {
  if (value < 0 || value > std::numeric_limits<int>::max()) {
    fail(ErrorKind::input, "{}: {} is {}, which is out of range", file.name(), what, value);
  }
  return static_cast<int>(value);
}

bool truth(const io::H5& file, const std::string& what, std::int64_t value) {
  if (value != 0 && value != 1) {
    fail(ErrorKind::input, "{}: {} is {}; expected 0 or 1", file.name(), what, value);
  }
  return value == 1;
}

// Reads columns of /blocks, all as long as the first.
class Columns {
 public:
  Columns(const io::H5& file, const std::string& under)
      : file_(file), at_(join(under, schema::blocks)) {
    names = file.read_strings(path("name"));
  }

  std::string path(const std::string& column) const { return join(at_, column); }

  std::vector<std::string> words(const std::string& column) const {
    return checked(column, file_.read_strings(path(column)));
  }
  std::vector<std::int64_t> integers(const std::string& column) const {
    return checked(column, file_.read_ints(path(column)));
  }
  // Columns that tables of earlier versions have not.
  std::vector<std::int64_t> integers(const std::string& column, std::int64_t otherwise) const {
    if (!file_.has(path(column))) return std::vector<std::int64_t>(names.size(), otherwise);
    return integers(column);
  }
  std::vector<double> reals(const std::string& column) const {
    return checked(column, file_.read_doubles(path(column)));
  }

  std::vector<std::string> names;

 private:
  template <class T>
  std::vector<T> checked(const std::string& column, std::vector<T> values) const {
    if (values.size() != names.size()) {
      fail(ErrorKind::input, "{}: the block table is damaged: {} has {} rows, {} has {}",
           file_.name(), path(column), values.size(), path("name"), names.size());
    }
    return values;
  }

  const io::H5& file_;
  std::string at_;
};

// A word of the table, with the file and the block in front of the parser's message.
template <class T>
T word(const io::H5& file, const std::string& block, const std::string& text,
       T (*parse)(const std::string&)) {
  try {
    return parse(text);
  } catch (const Error& error) {
    fail(ErrorKind::input, "{}: block {}: {}", file.name(), block, error.what());
  }
}

std::size_t blocks_of(const Columns& table) { return table.names.size(); }

void read_blocks(const io::H5& file, const std::string& under, std::vector<nn::BlockSpec>& blocks) {
  const Columns table(file, under);
  const auto kind = table.words("kind"), order = table.words("order"),
             preactivation = table.words("preactivation"), shortcut = table.words("shortcut"),
             pool = table.words("shortcut_pool"), bias = table.words("conv_bias"),
             padding = table.words("padding");
  const auto in = table.integers("in"), width = table.integers("width"),
             out = table.integers("out"), stride = table.integers("stride"),
             stride_at = table.integers("stride_at"), temporal = table.integers("temporal");
  const auto norm = table.integers("norm", 1), pooled = table.integers("pool", 1),
             reversible = table.integers("reversible", 0);
  const bool has_ck = file.has(table.path("ck_order"));
  const auto ck_order = table.integers("ck_order", 1);
  const auto dl = has_ck ? table.reals("dl") : std::vector<double>(blocks_of(table), 1);
  const auto curve =
      has_ck ? table.words("activation") : std::vector<std::string>(blocks_of(table), "tanh");
  const auto eps = table.reals("bn_eps"), momentum = table.reals("bn_momentum"),
             survival = table.reals("survival");
  blocks.resize(table.names.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    nn::BlockSpec& block = blocks[i];
    block.name = table.names[i];
    const auto field = [&](const char* column) {
      return fmt::format("{} of block {}", column, block.name);
    };
    block.kind = word(file, block.name, kind[i], nn::parse_block_kind);
    block.in = in[i];
    block.width = width[i];
    block.out = out[i];
    block.stride = narrow(file, field("stride"), stride[i]);
    block.stride_at = narrow(file, field("stride_at"), stride_at[i]);
    block.order = word(file, block.name, order[i], nn::parse_order);
    block.preactivation = word(file, block.name, preactivation[i], nn::parse_preactivation);
    block.shortcut = word(file, block.name, shortcut[i], nn::parse_shortcut_kind);
    block.shortcut_pool = word(file, block.name, pool[i], nn::parse_shortcut_pool);
    block.conv_bias = word(file, block.name, bias[i], nn::parse_conv_bias);
    block.padding = word(file, block.name, padding[i], nn::parse_padding);
    block.bn_eps = eps[i];
    block.bn_momentum = momentum[i];
    block.temporal = narrow(file, field("temporal"), temporal[i]);
    block.survival = survival[i];
    block.norm = truth(file, field("norm"), norm[i]);
    block.pool = narrow(file, field("pool"), pooled[i]);
    block.reversible = truth(file, field("reversible"), reversible[i]);
    block.ck_order = narrow(file, field("ck_order"), ck_order[i]);
    block.dl = dl[i];
    block.curve = word(file, block.name, curve[i], nn::parse_curve);
  }
}

// A column of /blocks, made from the rows.
template <class T, class F>
void write_block_column(io::H5& file, const std::string& at,
                        const std::vector<nn::BlockSpec>& blocks, const char* column, F&& value) {
  std::vector<T> values;
  values.reserve(blocks.size());
  for (const nn::BlockSpec& block : blocks) values.push_back(static_cast<T>(value(block)));
  file.write_column(join(at, column), values);
}

void write_blocks(io::H5& file, const std::string& at, const std::vector<nn::BlockSpec>& blocks) {
  using nn::BlockSpec;
  const auto text = [&](const char* column, auto&& value) {
    write_block_column<std::string>(file, at, blocks, column, value);
  };
  const auto integer = [&](const char* column, auto&& value) {
    write_block_column<std::int64_t>(file, at, blocks, column, value);
  };
  const auto real = [&](const char* column, auto&& value) {
    write_block_column<double>(file, at, blocks, column, value);
  };
  text("name", [](const BlockSpec& b) { return b.name; });
  text("kind", [](const BlockSpec& b) { return to_string(b.kind); });
  integer("in", [](const BlockSpec& b) { return b.in; });
  integer("width", [](const BlockSpec& b) { return b.width; });
  integer("out", [](const BlockSpec& b) { return b.out; });
  integer("stride", [](const BlockSpec& b) { return b.stride; });
  integer("stride_at", [](const BlockSpec& b) { return b.stride_at; });
  text("order", [](const BlockSpec& b) { return to_string(b.order); });
  text("preactivation", [](const BlockSpec& b) { return to_string(b.preactivation); });
  text("shortcut", [](const BlockSpec& b) { return to_string(b.shortcut); });
  text("shortcut_pool", [](const BlockSpec& b) { return to_string(b.shortcut_pool); });
  text("conv_bias", [](const BlockSpec& b) { return to_string(b.conv_bias); });
  text("padding", [](const BlockSpec& b) { return to_string(b.padding); });
  real("bn_eps", [](const BlockSpec& b) { return b.bn_eps; });
  real("bn_momentum", [](const BlockSpec& b) { return b.bn_momentum; });
  integer("temporal", [](const BlockSpec& b) { return b.temporal; });
  real("survival", [](const BlockSpec& b) { return b.survival; });
  integer("norm", [](const BlockSpec& b) { return b.norm; });
  integer("pool", [](const BlockSpec& b) { return b.pool; });
  integer("reversible", [](const BlockSpec& b) { return b.reversible; });
  const auto is_ck = [](const BlockSpec& b) { return b.kind == nn::BlockKind::ck; };
  if (!std::any_of(blocks.begin(), blocks.end(), is_ck)) return;
  integer("ck_order", [](const BlockSpec& b) { return b.ck_order; });
  real("dl", [](const BlockSpec& b) { return b.dl; });
  text("activation", [](const BlockSpec& b) { return nn::to_string(b.curve); });
}

}  // namespace

void write_spec(io::H5& file, const models::NetworkSpec& spec, const std::string& under) {
  const std::string input = join(under, schema::input), at_stem = join(under, schema::stem),
                    at_head = join(under, schema::head);
  file.set(under.empty() ? "/" : under, "arch", spec.arch);
  file.set(input, "height", spec.height);
  file.set(input, "width", spec.width);
  file.set(input, "channels", spec.channels);

  const models::StemSpec& stem = spec.stem;
  file.set(at_stem, "out", stem.out);
  file.set(at_stem, "kernel", std::int64_t{stem.kernel});
  file.set(at_stem, "stride", std::int64_t{stem.stride});
  file.set(at_stem, "pad", std::int64_t{stem.pad});
  file.set(at_stem, "norm_relu", std::int64_t{stem.norm_relu});
  file.set(at_stem, "relu", std::int64_t{stem.relu});
  file.set(at_stem, "max_pool", std::int64_t{stem.max_pool});
  file.set(at_stem, "pool_zeros", std::int64_t{stem.pool_zeros});
  file.set(at_stem, "conv_bias", std::int64_t{stem.conv_bias});
  if (stem.lift) file.set(at_stem, "lift", std::int64_t{1});
  file.set(at_stem, "bn_eps", spec.bn_eps);
  file.set(at_stem, "bn_momentum", spec.bn_momentum);

  file.set(at_head, "norm_relu", std::int64_t{spec.head.norm_relu});
  file.set(at_head, "classes", spec.classes);
  if (spec.head.features > 0) file.set(at_head, "features", spec.head.features);

  if (spec.head.temporal_pool != models::TemporalPool::none) {
    file.set(at_head, "temporal_pool", models::to_string(spec.head.temporal_pool));
    file.set(at_head, "pool_size", std::int64_t{spec.head.pool_size});
    file.set(at_head, "pool_stride", std::int64_t{spec.head.pool_stride});
  }

  write_blocks(file, join(under, schema::blocks), spec.blocks);
}

models::NetworkSpec read_spec(const io::H5& file, const std::string& under) {
  const std::string input = join(under, schema::input), at_stem = join(under, schema::stem),
                    at_head = join(under, schema::head);
  models::NetworkSpec spec;
  spec.arch = file.get_string(under.empty() ? "/" : under, "arch");
  spec.height = file.get_int(input, "height");
  spec.width = file.get_int(input, "width");
  spec.channels = file.get_int(input, "channels");

  const auto small = [&](const char* name) {
    return narrow(file, fmt::format("{} of the stem", name), file.get_int(at_stem, name));
  };
  const auto flag = [&](const std::string& part, const char* name) {
    return truth(file, fmt::format("{} of the {}", name, part), file.get_int(part, name));
  };
  spec.stem.out = file.get_int(at_stem, "out");
  spec.stem.kernel = small("kernel");
  spec.stem.stride = small("stride");
  spec.stem.pad = small("pad");
  spec.stem.norm_relu = flag(at_stem, "norm_relu");
  spec.stem.relu = file.has_attribute(at_stem, "relu") && flag(at_stem, "relu");
  spec.stem.max_pool = flag(at_stem, "max_pool");
  spec.stem.pool_zeros = flag(at_stem, "pool_zeros");
  spec.stem.conv_bias = flag(at_stem, "conv_bias");
  spec.bn_eps = file.get_double(at_stem, "bn_eps");
  spec.bn_momentum = file.get_double(at_stem, "bn_momentum");
  spec.head.norm_relu = flag(at_head, "norm_relu");
  spec.classes = file.get_int(at_head, "classes");
  spec.stem.lift = file.has_attribute(at_stem, "lift") && flag(at_stem, "lift");
  if (file.has_attribute(at_head, "features")) {
    spec.head.features = file.get_int(at_head, "features");
  }

  // Of streams only: elsewhere it is no name of ours.
  if (!under.empty() && file.has_attribute(at_head, "temporal_pool")) {
    spec.head.temporal_pool =
        word(file, "head", file.get_string(at_head, "temporal_pool"), models::parse_temporal_pool);
    spec.head.pool_size = narrow(file, "pool_size of the head", file.get_int(at_head, "pool_size"));
    spec.head.pool_stride =
        narrow(file, "pool_stride of the head", file.get_int(at_head, "pool_stride"));
  }
  read_blocks(file, under, spec.blocks);
  try {
    models::check(spec);
  } catch (const Error& error) {
    fail(ErrorKind::input, "{}: {}", file.name(), error.what());
  }
  return spec;
}

}  // namespace rn::train
