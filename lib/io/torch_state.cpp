#include "io/torch_state.h"

#include <array>
#include <unordered_set>

#include "io/quoted.h"

namespace rn::io {
namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

// Where checkpoints keep the weights: averaged ones first.
constexpr std::array entries = {"state_dict_ema",   "model_ema",   "ema_state_dict", "state_dict",
                                "model_state_dict", "model_state", "model",          "net",
                                "network",          "weights",     "params"};

constexpr int max_nesting = 4;

struct StorageType {
  std::string_view name;
  Element element;
};
constexpr StorageType storage_types[] = {
    {"DoubleStorage", Element::f64}, {"FloatStorage", Element::f32},
    {"HalfStorage", Element::f16},   {"BFloat16Storage", Element::bf16},
    {"LongStorage", Element::i64},   {"IntStorage", Element::i32},
    {"ShortStorage", Element::i16},  {"CharStorage", Element::i8},
    {"ByteStorage", Element::u8},    {"BoolStorage", Element::boolean}};

constexpr StorageType dtypes[] = {
    {"torch.float64", Element::f64}, {"torch.float32", Element::f32},
    {"torch.float16", Element::f16}, {"torch.bfloat16", Element::bf16},
    {"torch.int64", Element::i64},   {"torch.int32", Element::i32},
    {"torch.int16", Element::i16},   {"torch.int8", Element::i8},
    {"torch.uint64", Element::u64},  {"torch.uint32", Element::u32},
    {"torch.uint16", Element::u16},  {"torch.uint8", Element::u8},
    {"torch.bool", Element::boolean}};

class State {
 public:
  State(const TorchFile& file)
      : file_(file), pickle_(file.pickle), budget_(file.name, file.file_bytes) {}

  WeightFile read(const std::string& entry);

 private:
  const Value& at(Pickle::Ref ref) const { return pickle_[ref]; }
  bool is_tensor(const Value& value) const;
  bool is_module(const Value& value) const;
  const Value& descend(const std::string& entry, WeightFile& out) const;
  void note_ignored(const Value& dict, const Value* taken, WeightFile& out) const;
  void check_dict(const Value& value, const std::string& what) const;
  void add(const Value& key, const Value& value, WeightFile& out);

  Shape dims(const Value& value, const std::string& where, const char* what) const;
  std::int64_t integer(const Value& value, const std::string& where, const char* what) const;
  // A tensor that a function makes of these arguments.
  ElementView view(std::string_view function, const Value& args, const std::string& where,
                   int depth);
  ElementView view(const Value& value, const std::string& where, int depth);
  ElementView storage_view(std::string_view function, const Value& args, const std::string& where);

  const TorchFile& file_;
  const Pickle& pickle_;
  WeightBudget budget_;
};

bool State::is_tensor(const Value& value) const {
  if (value.kind != Kind::object) return false;
  const Value& callable = at(value.callable);
  return callable.kind == Kind::global && (callable.text.starts_with("torch._utils._rebuild_") ||
                                           callable.text.starts_with("torch._tensor._rebuild_"));
}

bool State::is_module(const Value& value) const {
  return value.kind == Kind::object && value.state != Pickle::nothing &&
         pickle_.find(at(value.state), "_modules") != nullptr;
}

void State::check_dict(const Value& value, const std::string& what) const {
  if (is_module(value)) {
    fail(ErrorKind::input,
         "{}: {} a whole pickled model of class {}, which only its Python code can read; there, "
         "save model.state_dict() instead",
         file_.name, what, pickle_.describe(value));
  }
  if (value.kind != Kind::dict) {
    const std::string found = is_tensor(value) ? "one tensor" : pickle_.describe(value);
    fail(ErrorKind::input, "{}: {} {}, not a state dict; in Python, save model.state_dict()",
         file_.name, what, found);
  }
}

void State::note_ignored(const Value& dict, const Value* taken, WeightFile& out) const {
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const Value& key = at(dict.items[i]);
    if (&at(dict.items[i + 1]) == taken || key.kind != Kind::text) continue;
    if (out.ignored.size() < WeightLimits::texts && key.text.size() <= WeightLimits::name) {
      out.ignored.emplace_back(key.text);
    }
  }
}

const Value& State::descend(const std::string& entry, WeightFile& out) const {
  const Value* state = &pickle_.root();
  check_dict(*state, "holds");
  if (!entry.empty()) {
    const Value* inner = pickle_.find(*state, entry);
    if (!inner) {
      WeightFile names;
      note_ignored(*state, nullptr, names);
      if (names.ignored.size() > 20) names.ignored.resize(20);
      for (std::string& name : names.ignored) name = quoted(name);
      fail(ErrorKind::input, "{}: has no entry {}; it has {}", file_.name, quoted(entry),
           fmt::join(names.ignored, ", "));
    }
    note_ignored(*state, inner, out);
    out.nesting = entry;
    state = inner;
    check_dict(*state, fmt::format("{} is", quoted(entry)));
  }
  for (int depth = 0; depth < max_nesting; ++depth) {
    const Value* inner = nullptr;
    const char* key = nullptr;
    for (const char* candidate : entries) {
      inner = pickle_.find(*state, candidate);
      key = candidate;
      if (inner && is_module(*inner)) check_dict(*inner, fmt::format("'{}' is", key));
      if (inner && inner->kind == Kind::dict && !inner->items.empty()) break;
      inner = nullptr;
    }
    if (!inner) break;
    note_ignored(*state, inner, out);
    out.nesting += (out.nesting.empty() ? "" : ".") + std::string(key);
    state = inner;
  }
  return *state;
}

std::int64_t State::integer(const Value& value, const std::string& where, const char* what) const {
  if (value.kind != Kind::integer) {
    fail(ErrorKind::input, "{}: {} is {}, not an integer", where, what, pickle_.describe(value));
  }
  return value.integer;
}

// A tuple of integers, also as torch.Size((...)).
Shape State::dims(const Value& value, const std::string& where, const char* what) const {
  const Value* tuple = &value;
  if (value.kind == Kind::object && at(value.callable).text == "torch.Size" &&
      at(value.args).items.size() == 1) {
    tuple = &at(at(value.args).items[0]);
  }
  if (tuple->kind != Kind::tuple && tuple->kind != Kind::list) {
    fail(ErrorKind::input, "{}: {} is {}, not a tuple", where, what, pickle_.describe(value));
  }
  if (tuple->items.size() > WeightLimits::rank) {
    fail(ErrorKind::input, "{}: {} dimensions; {} are the most", where, tuple->items.size(),
         WeightLimits::rank);
  }
  Shape shape;
  for (const Pickle::Ref ref : tuple->items) shape.push_back(integer(at(ref), where, what));
  return shape;
}

ElementView State::storage_view(std::string_view function, const Value& args,
                                const std::string& where) {
  const std::vector<Pickle::Ref>& a = args.items;
  const bool v3 = function.ends_with("_v3");
  if (a.size() < (v3 ? 7u : 4u)) {
    fail(ErrorKind::input, "{}: {} with {} arguments", where, quoted(function), a.size());
  }
  // Views that change values: conjugated, negated.
  const std::size_t metadata = v3 ? 7 : 6;
  if (a.size() > metadata && at(a[metadata]).kind == Kind::dict) {
    const Value& dict = at(a[metadata]);
    constexpr std::size_t most =
        100;  // many tensors may share one dict: it is not searched if long
    if (dict.items.size() > most || pickle_.find(dict, "neg") || pickle_.find(dict, "conj")) {
      fail(ErrorKind::input, "{}: a view with marks (negated, conjugated), which is not read",
           where);
    }
  }
  const TorchStorage storage = torch_storage(pickle_, at(a[0]), where);
  ElementView view;
  view.big_endian = file_.big_endian;
  view.offset = integer(at(a[1]), where, "storage offset");
  view.shape = dims(at(a[2]), where, "shape");
  view.strides = dims(at(a[3]), where, "strides");
  if (v3) {
    const std::string_view dtype = at(a[6]).text;
    const StorageType* known = nullptr;
    for (const StorageType& type : dtypes) {
      if (type.name == dtype) known = &type;
    }
    if (!known) fail(ErrorKind::input, "{}: dtype {} is not read", where, quoted(dtype));
    view.element = known->element;
  } else if (storage.element) {
    view.element = *storage.element;
  } else {
    fail(ErrorKind::input, "{}: an untyped storage without a dtype", where);
  }
  budget_.take(widened_bytes(view.shape, view.element, where), where);
  view.storage = file_.storage(storage);
  if (storage.view_count >= 0) {
    const auto from = static_cast<std::uint64_t>(storage.view_offset) * storage.width();
    const auto bytes = static_cast<std::uint64_t>(storage.view_count) * storage.width();
    if (from > view.storage.size() || bytes > view.storage.size() - from) {
      fail(ErrorKind::input, "{}: a view that leaves its storage", where);
    }
    view.storage = view.storage.subspan(from, bytes);
  }
  return view;
}

ElementView State::view(std::string_view function, const Value& args, const std::string& where,
                        int depth) {
  constexpr std::string_view module = "torch._utils.";
  const std::string_view f =
      function.starts_with(module) ? function.substr(module.size()) : std::string_view();
  if (f == "_rebuild_tensor" || f == "_rebuild_tensor_v2" || f == "_rebuild_tensor_v3") {
    return storage_view(function, args, where);
  }
  if ((f == "_rebuild_parameter" || f == "_rebuild_parameter_with_state") && !args.items.empty()) {
    return view(at(args.items[0]), where, depth + 1);
  }
  if (function == "torch._tensor._rebuild_from_type_v2" && args.items.size() >= 3 && depth < 4 &&
      at(args.items[0]).kind == Kind::global && at(args.items[2]).kind == Kind::tuple) {
    return view(at(args.items[0]).text, at(args.items[2]), where, depth + 1);
  }
  fail(ErrorKind::input, "{}: is made by {}, which is not read here", where, quoted(function));
}

ElementView State::view(const Value& value, const std::string& where, int depth) {
  if (!is_tensor(value) || depth > 4) {
    fail(ErrorKind::input, "{}: is {}, not a tensor", where, pickle_.describe(value));
  }
  return view(at(value.callable).text, at(value.args), where, depth);
}

void State::add(const Value& key, const Value& value, WeightFile& out) {
  if (key.kind != Kind::text) {
    if (!is_tensor(value)) return;
    fail(ErrorKind::input, "{}: a tensor under a key that is {}, not text", file_.name,
         pickle_.describe(key));
  }
  const std::string where = fmt::format("{}: {}", file_.name, quoted(key.text));
  if (key.text.size() > WeightLimits::name) {
    fail(ErrorKind::input, "{}: a name of {} bytes; {} are the most", where, key.text.size(),
         WeightLimits::name);
  }
  if (is_tensor(value)) {
    if (out.weights.size() >= WeightLimits::tensors) {
      fail(ErrorKind::input, "{}: more than {} tensors", file_.name, WeightLimits::tensors);
    }
    const ElementView view_of = view(value, where, 0);
    out.weights.push_back(
        {std::string(key.text), to_string(view_of.element), copy_out(view_of, where)});
    return;
  }
  // Where tensors are expected, what only Python could make is an error; beside them it is not.
  const bool expected = !key.text.ends_with("_extra_state") &&
                        (!out.nesting.empty() || key.text.find('.') != std::string_view::npos);
  if (value.kind == Kind::object && expected) {
    fail(ErrorKind::input, "{}: is made by {}, which is not read here; tensors are", where,
         pickle_.describe(value));
  }
  const std::string under = out.nesting.empty() ? "" : out.nesting + ".";
  if (out.ignored.size() < WeightLimits::texts)
    out.ignored.push_back(under + std::string(key.text));
}

WeightFile State::read(const std::string& entry) {
  WeightFile out;
  out.name = file_.name;
  out.format = file_.format;
  const Value& state = descend(entry, out);
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i + 1 < state.items.size(); i += 2) {
    const Value& key = at(state.items[i]);
    const Value& value = at(state.items[i + 1]);
    if (is_tensor(value) && key.kind == Kind::text && !seen.insert(key.text).second) {
      fail(ErrorKind::input, "{}: {} is there twice", file_.name, quoted(key.text));
    }
    add(key, value, out);
  }
  if (out.weights.empty()) {
    if (out.ignored.size() > 20) out.ignored.resize(20);
    for (std::string& name : out.ignored) name = quoted(name);
    fail(ErrorKind::input, "{}: no tensors by name in it, but {}; a state dict is expected",
         file_.name,
         out.ignored.empty() ? "nothing" : fmt::format("{}", fmt::join(out.ignored, ", ")));
  }
  return out;
}

}  // namespace

TorchStorage torch_storage(const Pickle& pickle, const Pickle::Value& persistent,
                           const std::string& where) {
  const Value* id = persistent.kind == Kind::persistent && persistent.args != Pickle::nothing
                        ? &pickle[persistent.args]
                        : nullptr;
  const auto item = [&](std::size_t i) -> const Value& { return pickle[id->items[i]]; };
  const bool sound = id && id->kind == Kind::tuple && id->items.size() >= 5 &&
                     item(0).kind == Kind::text && item(0).text == "storage" &&
                     item(1).kind == Kind::global && item(2).kind == Kind::text &&
                     item(4).kind == Kind::integer;
  if (!sound || item(2).text.size() > WeightLimits::name || item(4).integer < 0 ||
      item(4).integer > (std::int64_t{1} << 48)) {
    fail(ErrorKind::input, "{}: no storage as torch writes it", where);
  }
  TorchStorage storage;
  storage.key = item(2).text;
  storage.type = item(1).text;
  storage.count = item(4).integer;
  std::string_view type = storage.type;
  for (const std::string_view module : {"torch.cuda.", "torch.storage.", "torch."}) {
    if (type.starts_with(module)) {
      type.remove_prefix(module.size());
      break;
    }
  }
  const bool torch = type.size() < storage.type.size();
  for (const StorageType& known : storage_types) {
    if (torch && known.name == type) storage.element = known.element;
  }
  if (!storage.element && !(torch && type == "UntypedStorage")) {
    fail(ErrorKind::input, "{}: its storage is {}, which is not read here", where,
         quoted(storage.type));
  }
  if (id->items.size() > 5 && item(5).kind != Kind::none) {
    const Value& view = item(5);
    const bool is_view = view.kind == Kind::tuple && view.items.size() == 3 &&
                         pickle[view.items[1]].kind == Kind::integer &&
                         pickle[view.items[2]].kind == Kind::integer;
    storage.view_offset = is_view ? pickle[view.items[1]].integer : -1;
    storage.view_count = is_view ? pickle[view.items[2]].integer : -1;
    constexpr std::int64_t limit = std::int64_t{1} << 48;
    if (storage.view_offset < 0 || storage.view_count < 0 || storage.view_offset > limit ||
        storage.view_count > limit) {
      fail(ErrorKind::input, "{}: no view of a storage as torch writes it", where);
    }
  }
  return storage;
}

WeightFile torch_weights(const TorchFile& file, const std::string& entry) {
  return State(file).read(entry);
}

}  // namespace rn::io
