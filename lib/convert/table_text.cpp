#include "convert/table_text.h"

#include <charconv>
#include <vector>

#include "base/error.h"

namespace rn::convert {
namespace {

bool one_word(const std::string& text) {
  return !text.empty() && text.find_first_of(" \n\t\r") == std::string::npos;
}

// The words of one line, taken one by one.
class Words {
 public:
  Words(const std::string& line, const std::string& file) : line_(line), file_(file) {}
  std::string word() {
    if (at_ > line_.size()) bad();
    const std::size_t end = std::min(line_.find(' ', at_), line_.size());
    const std::string result = line_.substr(at_, end - at_);
    at_ = end + 1;
    return result;
  }
  template <class T>
  T number() {
    const std::string text = word();
    T value{};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) bad();
    return value;
  }
  bool truth() { return number<int>() != 0; }
  bool more() const { return at_ <= line_.size(); }
  void end() {
    if (at_ <= line_.size()) bad();
  }
  [[noreturn]] void bad() const {
    fail(ErrorKind::input, "{}: {} is damaged at '{}'", file_, table_key, line_.substr(0, 60));
  }

 private:
  std::string line_, file_;
  std::size_t at_ = 0;
};

nn::BlockSpec parse_block(Words& words) {
  nn::BlockSpec block;
  block.name = words.word();
  block.kind = nn::parse_block_kind(words.word());
  block.in = words.number<std::int64_t>();
  block.width = words.number<std::int64_t>();
  block.out = words.number<std::int64_t>();
  block.stride = words.number<int>();
  block.stride_at = words.number<int>();
  block.order = nn::parse_order(words.word());
  block.preactivation = nn::parse_preactivation(words.word());
  block.shortcut = nn::parse_shortcut_kind(words.word());
  block.shortcut_pool = nn::parse_shortcut_pool(words.word());
  block.conv_bias = nn::parse_conv_bias(words.word());
  block.padding = nn::parse_padding(words.word());
  block.bn_eps = words.number<double>();
  block.bn_momentum = words.number<double>();
  block.temporal = words.number<int>();
  block.survival = words.number<double>();
  block.norm = words.truth();
  block.pool = words.number<int>();
  if (words.more()) block.reversible = words.truth();  // tables of earlier versions end here
  words.end();
  return block;
}

}  // namespace

std::string table_text(const models::NetworkSpec& spec) {
  if (!one_word(spec.arch)) return {};
  std::string text =
      fmt::format("network {} {} {} {} {} {} {}\n", spec.arch, spec.height, spec.width,
                  spec.channels, spec.classes, spec.bn_eps, spec.bn_momentum);
  const models::StemSpec& stem = spec.stem;
  text += fmt::format("stem {} {} {} {} {:d} {:d} {:d} {:d} {:d}\n", stem.out, stem.kernel,
                      stem.stride, stem.pad, stem.norm_relu, stem.relu, stem.max_pool,
                      stem.pool_zeros, stem.conv_bias);
  text += fmt::format("head {:d}\n", spec.head.norm_relu);
  for (const nn::BlockSpec& b : spec.blocks) {
    if (!one_word(b.name)) return {};
    text += fmt::format("block {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {:d} {} {:d}\n",
                        b.name, nn::to_string(b.kind), b.in, b.width, b.out, b.stride, b.stride_at,
                        nn::to_string(b.order), nn::to_string(b.preactivation),
                        nn::to_string(b.shortcut), nn::to_string(b.shortcut_pool),
                        nn::to_string(b.conv_bias), nn::to_string(b.padding), b.bn_eps,
                        b.bn_momentum, b.temporal, b.survival, b.norm, b.pool, b.reversible);
  }
  return text;
}

namespace {

models::NetworkSpec parse(const std::string& text, const std::string& file) {
  models::NetworkSpec spec;
  int seen[3] = {0, 0, 0};
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    Words words(text.substr(from, end - from), file);
    from = end + 1;
    const std::string kind = words.word();
    if (kind == "network") {
      ++seen[0];
      spec.arch = words.word();
      spec.height = words.number<std::int64_t>();
      spec.width = words.number<std::int64_t>();
      spec.channels = words.number<std::int64_t>();
      spec.classes = words.number<std::int64_t>();
      spec.bn_eps = words.number<double>();
      spec.bn_momentum = words.number<double>();
      words.end();
    } else if (kind == "stem") {
      ++seen[1];
      models::StemSpec& stem = spec.stem;
      stem.out = words.number<std::int64_t>();
      stem.kernel = words.number<int>();
      stem.stride = words.number<int>();
      stem.pad = words.number<int>();
      stem.norm_relu = words.truth();
      stem.relu = words.truth();
      stem.max_pool = words.truth();
      stem.pool_zeros = words.truth();
      stem.conv_bias = words.truth();
      words.end();
    } else if (kind == "head") {
      ++seen[2];
      spec.head.norm_relu = words.truth();
      words.end();
    } else if (kind == "block") {
      spec.blocks.push_back(parse_block(words));
    } else {
      words.bad();
    }
  }
  if (seen[0] != 1 || seen[1] != 1 || seen[2] != 1) {
    fail(ErrorKind::input, "{}: {} is damaged: a line is missing or there twice", file, table_key);
  }
  models::check(spec);
  return spec;
}

}  // namespace

models::NetworkSpec parse_table(const std::string& text, const std::string& file) {
  try {
    return parse(text, file);
  } catch (const Error& error) {
    const std::string what = error.what();
    if (what.starts_with(file)) throw;
    fail(ErrorKind::input, "{}: {}: {}", file, table_key, what);  // of a word, or of the whole
  }
}

}  // namespace rn::convert
