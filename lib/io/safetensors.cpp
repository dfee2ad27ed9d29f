#include "io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "io/element.h"
#include "io/json.h"
#include "io/quoted.h"

namespace rn::io {
namespace {

constexpr std::uint64_t max_header = 100'000'000;  // the limit of the safetensors package
constexpr const char* metadata_key = "__metadata__";

struct TypeName {
  std::string_view name;
  Element element;
};
constexpr TypeName types[] = {
    {"F64", Element::f64},     {"F32", Element::f32}, {"F16", Element::f16},
    {"BF16", Element::bf16},   {"I64", Element::i64}, {"I32", Element::i32},
    {"I16", Element::i16},     {"I8", Element::i8},   {"U64", Element::u64},
    {"U32", Element::u32},     {"U16", Element::u16}, {"U8", Element::u8},
    {"BOOL", Element::boolean}};

struct Entry {
  std::string name;
  std::optional<Element> element;
  std::optional<Shape> shape;
  std::optional<Shape> offsets;
};

// Takes the header's JSON event by event: nothing else than what the format has gets in, and
// nothing is built that could grow beyond the limits.
class Header : public nlohmann::json_sax<nlohmann::json> {
 public:
  Header(const std::string& file, WeightFile& out) : file_(file), out_(out) {}

  std::vector<Entry> entries;

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a truth value"); }
  bool number_float(double, const std::string&) override { return unexpected("a fraction"); }
  bool binary(binary_t&) override { return unexpected("binary data"); }

  bool number_integer(std::int64_t) override { return unexpected("a negative number"); }
  bool number_unsigned(std::uint64_t value) override {
    if (!list_) return unexpected("a number");
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return unexpected("a number over 2^63");
    const std::size_t most = field_ == "shape" ? WeightLimits::rank : 2;
    if (list_->size() >= most) bad("{} has more than {} numbers", field_, most);
    list_->push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool string(std::string& value) override {
    if (depth_ == 2 && in_metadata_) {
      if (out_.metadata.size() >= WeightLimits::texts)
        bad("more than {} texts", WeightLimits::texts);
      if (!out_.metadata.emplace(field_, value).second)
        bad("{} is there twice", io::quoted(field_));
      return true;
    }
    if (depth_ != 2 || list_ || field_ != "dtype") return unexpected("text");
    for (const TypeName& type : types) {
      if (type.name == value) entries.back().element = type.element;
    }
    if (!entries.back().element) bad("dtype {} is not read here", io::quoted(value));
    return true;
  }

  bool start_object(std::size_t) override {
    if (depth_ >= 2 || list_) return unexpected("an object");
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (depth_ == 2 && !in_metadata_) {
      const Entry& entry = entries.back();
      const char* missing = !entry.element   ? "dtype"
                            : !entry.shape   ? "shape"
                            : !entry.offsets ? "data_offsets"
                                             : nullptr;
      if (missing) bad("has no {}", missing);
      if (entry.offsets->size() != 2) bad("data_offsets are not two numbers");
    }
    if (--depth_ == 1) in_metadata_ = false;
    return true;
  }

  bool key(std::string& value) override {
    if (depth_ == 1) {
      if (value.size() > WeightLimits::name) {
        bad("a name of {} bytes, beginning {}; {} are the most", value.size(),
            io::quoted(value.substr(0, 40)), WeightLimits::name);
      }
      if (!seen_.insert(value).second) bad("{} is there twice", io::quoted(value));
      in_metadata_ = value == metadata_key;
      if (!in_metadata_) {
        if (entries.size() >= WeightLimits::tensors)
          bad("more than {} tensors", WeightLimits::tensors);
        entries.push_back({.name = value});
      }
    } else if (!in_metadata_) {
      const Entry& entry = entries.back();
      const bool known = value == "dtype" || value == "shape" || value == "data_offsets";
      if (!known) bad("has an unknown field {}", io::quoted(value));
      const bool twice = value == "dtype"   ? entry.element.has_value()
                         : value == "shape" ? entry.shape.has_value()
                                            : entry.offsets.has_value();
      if (twice) bad("has {} twice", value);
    }
    field_ = value;
    return true;
  }

  bool start_array(std::size_t) override {
    const bool wanted =
        depth_ == 2 && !in_metadata_ && !list_ && (field_ == "shape" || field_ == "data_offsets");
    if (!wanted) return unexpected("a list");
    auto& to = field_ == "shape" ? entries.back().shape : entries.back().offsets;
    to.emplace();
    list_ = &*to;
    return true;
  }
  bool end_array() override {
    list_ = nullptr;
    return true;
  }

  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception&) override {
    fail(ErrorKind::input, "{}: the header is no JSON at byte {}; damaged?", file_, at + 7);
  }

 private:
  // Where we are, for messages: the tensor's name, once there is one.
  template <class... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    const std::string what = fmt::format(format, std::forward<Args>(args)...);
    const std::string of =
        depth_ < 2 ? "the header" : io::quoted(in_metadata_ ? metadata_key : entries.back().name);
    fail(ErrorKind::input, "{}: {}: {}", file_, of, what);
  }
  bool unexpected(const char* what) const {
    bad("{} where {} is expected", what,
        depth_ == 0      ? "an object"
        : depth_ == 1    ? "a tensor's description"
        : in_metadata_   ? "text"
        : field_.empty() ? "a field"
                         : field_.c_str());
  }

  const std::string& file_;
  WeightFile& out_;
  std::unordered_set<std::string> seen_;
  std::string field_;
  Shape* list_ = nullptr;
  int depth_ = 0;
  bool in_metadata_ = false;
};

std::uint64_t header_length(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;)
    length = (length << 8) | std::to_integer<std::uint64_t>(bytes[i]);
  return length;
}

// Ranges must follow one another from 0 to the end: no holes, no overlaps, nothing outside.
void check_tiling(const std::vector<Entry>& entries, std::size_t data, const std::string& file) {
  std::vector<const Entry*> order;
  for (const Entry& entry : entries) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(),
                   [](const Entry* a, const Entry* b) { return *a->offsets < *b->offsets; });
  std::uint64_t at = 0;
  for (const Entry* entry : order) {
    const auto begin = static_cast<std::uint64_t>((*entry->offsets)[0]);
    const auto end = static_cast<std::uint64_t>((*entry->offsets)[1]);
    if (begin != at || end < begin || end > data) {
      fail(ErrorKind::input, "{}: {}: data_offsets [{}, {}] {}", file, io::quoted(entry->name),
           begin, end,
           end < begin  ? "run backwards"
           : end > data ? fmt::format("leave the {} bytes of data; truncated?", data)
                        : fmt::format("do not follow the tensor before, which ends at {}", at));
    }
    at = end;
  }
  if (at != data) {
    fail(ErrorKind::input, "{}: {} bytes of data, but the tensors take {}; damaged?", file, data,
         at);
  }
}

const char* type_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64: return "F64";
    case Dtype::f32: return "F32";
    case Dtype::i64: return "I64";
    case Dtype::i32: return "I32";
    case Dtype::u8: return "U8";
    case Dtype::bf16: break;
  }
  fail(ErrorKind::shape, "write_safetensors: {} is not written", to_string(dtype));
}

// The package sorts types from wide to narrow; among equally wide ones in this order.
int type_order(Dtype dtype) {
  constexpr Dtype order[] = {Dtype::f64, Dtype::i64, Dtype::f32, Dtype::i32, Dtype::u8};
  return static_cast<int>(std::find(std::begin(order), std::end(order), dtype) - order);
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() > 8 && std::to_integer<char>(bytes[8]) == '{' &&
         header_length(bytes) <= max_header;
}

WeightFile read_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < 8) {
    fail(ErrorKind::input, "{}: truncated: {} bytes are no safetensors file", name, bytes.size());
  }
  const std::uint64_t length = header_length(bytes);
  if (length > max_header) {
    fail(ErrorKind::input, "{}: a header of {} bytes; {} are the most", name, length, max_header);
  }
  if (length > bytes.size() - 8) {
    fail(ErrorKind::input, "{}: truncated: a header of {} bytes, {} are there; copy it again", name,
         length, bytes.size() - 8);
  }
  WeightFile out;
  out.name = name;
  out.format = WeightFormat::safetensors;
  const char* text = reinterpret_cast<const char*>(bytes.data()) + 8;
  if (length == 0 || text[0] != '{') {
    fail(ErrorKind::input, "{}: the header does not begin with '{{'", name);
  }
  Header header(name, out);
  nlohmann::json::sax_parse(text, text + length, &header);

  const auto data = bytes.subspan(8 + static_cast<std::size_t>(length));
  WeightBudget budget(name, bytes.size());
  for (const Entry& entry : header.entries) {
    const std::string where = fmt::format("{}: {}", name, io::quoted(entry.name));
    const std::uint64_t wide = widened_bytes(*entry.shape, *entry.element, where);
    budget.take(wide, entry.name);
    const std::uint64_t stored = wide / size_of(widened(*entry.element)) * size_of(*entry.element);
    const auto [begin, end] = std::pair((*entry.offsets)[0], (*entry.offsets)[1]);
    if (end < begin || static_cast<std::uint64_t>(end - begin) != stored) {
      fail(ErrorKind::input,
           "{}: data_offsets [{}, {}] do not fit {} of shape {}, which takes {} bytes", where,
           begin, end, to_string(*entry.element), to_string(*entry.shape), stored);
    }
  }
  check_tiling(header.entries, data.size(), name);

  for (Entry& entry : header.entries) {
    const auto begin = static_cast<std::size_t>((*entry.offsets)[0]);
    const auto end = static_cast<std::size_t>((*entry.offsets)[1]);
    const ElementView view{.element = *entry.element,
                           .storage = data.subspan(begin, end - begin),
                           .shape = *entry.shape,
                           .strides = row_major(*entry.shape)};
    const std::string where = fmt::format("{}: {}", name, io::quoted(entry.name));
    Tensor value = copy_out(view, where);
    out.weights.push_back({std::move(entry.name), to_string(view.element), std::move(value)});
  }
  return out;
}

Bytes write_safetensors(std::span<const Weight> weights,
                        const std::map<std::string, std::string>& metadata) {
  std::vector<const Weight*> order;
  for (const Weight& weight : weights) order.push_back(&weight);
  std::stable_sort(order.begin(), order.end(), [](const Weight* a, const Weight* b) {
    return std::pair(type_order(a->value.dtype()), std::string_view(a->name)) <
           std::pair(type_order(b->value.dtype()), std::string_view(b->name));
  });
  std::string header = "{";
  if (!metadata.empty()) {
    Json texts;
    for (const auto& [key, value] : metadata) texts.add(key, value);
    header += json_string(metadata_key) + ":" + texts.str();
  }
  std::unordered_set<std::string_view> names;
  std::size_t size = 0;
  for (const Weight* weight : order) {
    require(weight->value.defined() && weight->value.device().is_cpu() &&
                weight->name != metadata_key && names.insert(weight->name).second,
            "write_safetensors: {}: not a tensor on the CPU, or there twice",
            io::quoted(weight->name));
    header += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                          header.size() > 1 ? "," : "", json_string(weight->name),
                          type_name(weight->value.dtype()), fmt::join(weight->value.shape(), ","),
                          size, size + weight->value.bytes());
    size += weight->value.bytes();
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');

  Bytes bytes(8 + header.size() + size);
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(header.size() >> (8 * i));
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  std::size_t at = 8 + header.size();
  for (const Weight* weight : order) {
    if (weight->value.bytes() > 0) {
      std::memcpy(bytes.data() + at, weight->value.raw(), weight->value.bytes());
    }
    at += weight->value.bytes();
  }
  return bytes;
}

}  // namespace rn::io
