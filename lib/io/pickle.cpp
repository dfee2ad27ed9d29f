#include "io/pickle.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "io/quoted.h"

namespace rn::io {

// The stack machine that a pickle is a program for, with calls left out. Every opcode makes at most
// two values, so memory is bounded by max_values and by the bytes read.
class PickleMachine {
 public:
  PickleMachine(Pickle& pickle, std::span<const std::byte> data, const std::string& where)
      : out_(pickle), data_(data), where_(where) {}

  void run();

 private:
  using Ref = Pickle::Ref;
  using Kind = Pickle::Kind;
  using Value = Pickle::Value;

  template <class... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::input, "{}: byte {} of the pickle: {}", where_, start_,
         fmt::format(format, std::forward<Args>(args)...));
  }

  // Input.
  std::string_view take(std::uint64_t count) {
    if (count > data_.size() - at_) bad("cut off; {} bytes are wanted", count);
    const char* text = reinterpret_cast<const char*>(data_.data()) + at_;
    at_ += static_cast<std::size_t>(count);
    return {text, static_cast<std::size_t>(count)};
  }
  std::uint64_t unsigned_of(std::size_t width) {
    const std::string_view text = take(width);
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;)
      value = (value << 8) | static_cast<unsigned char>(text[i]);
    return value;
  }
  std::string_view line() {
    const char* begin = reinterpret_cast<const char*>(data_.data()) + at_;
    const void* end = at_ < data_.size() ? std::memchr(begin, '\n', data_.size() - at_) : nullptr;
    if (!end) bad("cut off inside a line");
    const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - begin);
    at_ += length + 1;
    return {begin, length};
  }

  // Values.
  Ref make(Value value) {
    if (out_.values_.size() >= Pickle::max_values) bad("more than {} values", Pickle::max_values);
    out_.values_.push_back(std::move(value));
    return static_cast<Ref>(out_.values_.size() - 1);
  }
  Value& value(Ref ref) { return out_.values_[ref]; }
  void push(Ref ref) { stack_.push_back(ref); }
  void push_value(Value v) { push(make(std::move(v))); }
  void push_text(Kind kind, std::string_view text) { push_value({.kind = kind, .text = text}); }
  void push_integer(std::int64_t i) { push_value({.kind = Kind::integer, .integer = i}); }
  void push_boolean(bool b) { push_value({.kind = Kind::boolean, .integer = b}); }

  // Stack. What lies under an open mark is out of reach, as in Python.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Ref top() const {
    if (stack_.size() <= floor()) bad("the stack is empty");
    return stack_.back();
  }
  Ref pop() {
    const Ref ref = top();
    stack_.pop_back();
    return ref;
  }
  std::vector<Ref> pop_mark() {
    if (marks_.empty()) bad("a mark is missing");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Ref> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<Ref> pop_some(std::size_t count) {
    std::vector<Ref> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  void put(std::uint64_t key) {
    if (memo_.size() >= Pickle::max_values) bad("more than {} memo entries", Pickle::max_values);
    memo_[key] = top();
  }
  void get(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) bad("memo {} is used before it is set", key);
    push(found->second);
  }

  template <class T>
  T decimal(std::string_view text) const {
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
      bad("no number: {}", quoted(text));
    return number;
  }

  std::string_view keep(std::string text) {
    out_.made_.push_back(std::move(text));
    return out_.made_.back();
  }

  bool step();                    // false after STOP
  bool number(unsigned char op);  // these: false when op is not theirs
  bool text(unsigned char op);
  bool container(unsigned char op);
  bool call(unsigned char op);

  void push_integer_line(std::string_view text, bool may_be_boolean);
  void push_long(std::string_view bytes);
  std::string_view unescape(std::string_view quoted_text);
  void global(std::string_view module, std::string_view name);
  void invoke(Ref callable, Ref args, bool instance);
  void add_items(std::vector<Ref> items, bool pairs);
  bool is_global(Ref ref, std::string_view name) {
    return value(ref).kind == Kind::global && value(ref).text == name;
  }

  static constexpr std::size_t max_class_name = 1000;  // bytes, of module and class each

  Pickle& out_;
  std::span<const std::byte> data_;
  const std::string& where_;
  std::size_t at_ = 0, start_ = 0, copied_ = 0;
  std::vector<Ref> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Ref> memo_;
};

void PickleMachine::run() {
  while (step()) {
  }
  out_.root_ = pop();
  out_.length_ = at_;
}

bool PickleMachine::step() {
  start_ = at_;
  const auto op = static_cast<unsigned char>(take(1)[0]);
  switch (op) {
    case '.': return false;  // STOP
    case 0x80: {             // PROTO
      const std::uint64_t protocol = unsigned_of(1);
      if (protocol > 5) bad("protocol {}; 5 is the newest known here", protocol);
      return true;
    }
    case 0x95: {  // FRAME: a hint for buffering
      const std::uint64_t length = unsigned_of(8);
      if (length > data_.size() - at_) bad("a frame of {} bytes is cut off", length);
      return true;
    }
    case '(':  // MARK
      if (marks_.size() >= Pickle::max_depth) bad("nested deeper than {}", Pickle::max_depth);
      marks_.push_back(stack_.size());
      return true;
    case '0':  // POP, which also takes a mark away
      if (!marks_.empty() && stack_.size() == marks_.back()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return true;
    case '1': pop_mark(); return true;   // POP_MARK
    case '2': push(top()); return true;  // DUP
    case 'p': put(decimal<std::uint64_t>(line())); return true;
    case 'q': put(unsigned_of(1)); return true;  // BINPUT
    case 'r': put(unsigned_of(4)); return true;  // LONG_BINPUT
    case 0x94: put(memo_.size()); return true;   // MEMOIZE
    case 'g': get(decimal<std::uint64_t>(line())); return true;
    case 'h': get(unsigned_of(1)); return true;  // BINGET
    case 'j': get(unsigned_of(4)); return true;  // LONG_BINGET
    default: break;
  }
  if (!number(op) && !text(op) && !container(op) && !call(op)) {
    bad("opcode {:#04x} is unknown or not allowed", op);
  }
  return true;
}

void PickleMachine::push_integer_line(std::string_view text, bool may_be_boolean) {
  if (may_be_boolean && (text == "00" || text == "01")) return push_boolean(text == "01");
  if (text.ends_with('L')) text.remove_suffix(1);
  if (text.size() > 18) return push_text(Kind::big, text);
  push_integer(decimal<std::int64_t>(text));
}

// Two's complement, little-endian, of any length.
void PickleMachine::push_long(std::string_view bytes) {
  if (bytes.size() > 8) return push_text(Kind::big, bytes);
  std::uint64_t bits = !bytes.empty() && (bytes.back() & 0x80) ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    bits = (bits << 8) | static_cast<unsigned char>(bytes[i]);
  push_integer(static_cast<std::int64_t>(bits));
}

bool PickleMachine::number(unsigned char op) {
  switch (op) {
    case 'N': push_value({}); return true;
    case 0x88: push_boolean(true); return true;
    case 0x89: push_boolean(false); return true;
    case 'I': push_integer_line(line(), true); return true;
    case 'L': push_integer_line(line(), false); return true;
    case 'J': push_integer(static_cast<std::int32_t>(unsigned_of(4))); return true;  // BININT
    case 'K': push_integer(static_cast<std::int64_t>(unsigned_of(1))); return true;
    case 'M': push_integer(static_cast<std::int64_t>(unsigned_of(2))); return true;
    case 0x8a: push_long(take(unsigned_of(1))); return true;  // LONG1
    case 0x8b: push_long(take(unsigned_of(4))); return true;  // LONG4
    case 'F': push_value({.kind = Kind::real, .real = decimal<double>(line())}); return true;
    case 'G': {  // BINFLOAT, big-endian
      std::uint64_t bits = 0;
      for (const char c : take(8)) bits = (bits << 8) | static_cast<unsigned char>(c);
      push_value({.kind = Kind::real, .real = std::bit_cast<double>(bits)});
      return true;
    }
    default: return false;
  }
}

// 'it\'s' of protocol 0, as Python's repr writes it.
std::string_view PickleMachine::unescape(std::string_view text) {
  if (text.size() < 2 || (text[0] != '\'' && text[0] != '"') || text.back() != text[0]) {
    bad("text without quotes");
  }
  text = text.substr(1, text.size() - 2);
  if (text.find('\\') == std::string_view::npos) return text;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    if (++i == text.size()) bad("text ends inside an escape");
    switch (text[i]) {
      case 'n': plain += '\n'; break;
      case 'r': plain += '\r'; break;
      case 't': plain += '\t'; break;
      case 'x': {
        unsigned code = 0;
        const char* digits = text.data() + i + 1;
        if (text.size() - i < 3 ||
            std::from_chars(digits, digits + 2, code, 16).ptr != digits + 2) {
          bad("text with a broken escape");
        }
        plain += static_cast<char>(code);
        i += 2;
        break;
      }
      default: plain += text[i];
    }
  }
  return keep(std::move(plain));
}

bool PickleMachine::text(unsigned char op) {
  switch (op) {
    case 'S': push_text(Kind::text, unescape(line())); return true;      // STRING
    case 'T': push_text(Kind::text, take(unsigned_of(4))); return true;  // BINSTRING
    case 'U': push_text(Kind::text, take(unsigned_of(1))); return true;  // SHORT_BINSTRING
    case 'V':
      push_text(Kind::text, line());
      return true;  // UNICODE; its escapes are left as they are
    case 'X': push_text(Kind::text, take(unsigned_of(4))); return true;    // BINUNICODE
    case 0x8c: push_text(Kind::text, take(unsigned_of(1))); return true;   // SHORT_BINUNICODE
    case 0x8d: push_text(Kind::text, take(unsigned_of(8))); return true;   // BINUNICODE8
    case 'C': push_text(Kind::bytes, take(unsigned_of(1))); return true;   // SHORT_BINBYTES
    case 'B': push_text(Kind::bytes, take(unsigned_of(4))); return true;   // BINBYTES
    case 0x8e: push_text(Kind::bytes, take(unsigned_of(8))); return true;  // BINBYTES8
    case 0x96: push_text(Kind::bytes, take(unsigned_of(8))); return true;  // BYTEARRAY8
    default: return false;
  }
}

void PickleMachine::add_items(std::vector<Ref> items, bool pairs) {
  if (pairs && items.size() % 2 != 0) bad("a key without a value");
  Value& to = value(top());
  const bool fits = to.kind == Kind::object || to.kind == (pairs ? Kind::dict : Kind::list) ||
                    (!pairs && to.kind == Kind::set);
  if (!fits) bad("items are added to {}", out_.describe(to));
  to.items.insert(to.items.end(), items.begin(), items.end());
}

bool PickleMachine::container(unsigned char op) {
  switch (op) {
    case ')': push_value({.kind = Kind::tuple}); return true;
    case ']': push_value({.kind = Kind::list}); return true;
    case '}': push_value({.kind = Kind::dict}); return true;
    case 0x8f: push_value({.kind = Kind::set}); return true;
    case 't': push_value({.kind = Kind::tuple, .items = pop_mark()}); return true;
    case 0x85: push_value({.kind = Kind::tuple, .items = pop_some(1)}); return true;
    case 0x86: push_value({.kind = Kind::tuple, .items = pop_some(2)}); return true;
    case 0x87: push_value({.kind = Kind::tuple, .items = pop_some(3)}); return true;
    case 'l': push_value({.kind = Kind::list, .items = pop_mark()}); return true;
    case 0x91: push_value({.kind = Kind::set, .items = pop_mark()}); return true;  // FROZENSET
    case 'd': {                                                                    // DICT
      std::vector<Ref> items = pop_mark();
      if (items.size() % 2 != 0) bad("a key without a value");
      push_value({.kind = Kind::dict, .items = std::move(items)});
      return true;
    }
    case 'a': add_items(pop_some(1), false); return true;  // APPEND
    case 's': add_items(pop_some(2), true); return true;   // SETITEM
    case 'e':                                              // APPENDS
    case 0x90: add_items(pop_mark(), false); return true;  // ADDITEMS
    case 'u': add_items(pop_mark(), true); return true;    // SETITEMS
    default: return false;
  }
}

void PickleMachine::global(std::string_view module, std::string_view name) {
  if (module.empty() || name.empty()) bad("a class without a name");
  // A long text may be used as a name many times, and each makes a text of its own.
  if (module.size() > max_class_name || name.size() > max_class_name) {
    bad("the name of a class is longer than {} bytes", max_class_name);
  }
  push_text(Kind::global, keep(fmt::format("{}.{}", module, name)));
}

// callable(*args). Two calls mean a dict, so that the code that reads state dicts sees one kind.
void PickleMachine::invoke(Ref callable, Ref args, bool instance) {
  const Kind kind = value(callable).kind;
  if (kind != Kind::global && kind != Kind::object && kind != Kind::persistent) {
    bad("{} is called as if it were a function", out_.describe(value(callable)));
  }
  if (value(args).kind != Kind::tuple) bad("arguments are {}", out_.describe(value(args)));
  if (is_global(callable, "collections.defaultdict")) return push_value({.kind = Kind::dict});
  if (is_global(callable, "collections.OrderedDict") && !instance) {
    // Python 2 gives its content as one list of pairs.
    std::vector<Ref> items;
    const std::vector<Ref> given = value(args).items;
    if (given.size() > 1) bad("an OrderedDict with {} arguments", given.size());
    for (const Ref list : given) {
      if (value(list).kind != Kind::list) bad("an OrderedDict of {}", out_.describe(value(list)));
      // One list may be given many times: what is copied counts as made.
      copied_ += value(list).items.size();
      if (copied_ > Pickle::max_values) bad("more than {} values", Pickle::max_values);
      for (const Ref pair : value(list).items) {
        if (value(pair).items.size() != 2) bad("an OrderedDict of what are no pairs");
        items.insert(items.end(), value(pair).items.begin(), value(pair).items.end());
      }
    }
    return push_value({.kind = Kind::dict, .items = std::move(items)});
  }
  if (is_global(callable, "collections.OrderedDict")) return push_value({.kind = Kind::dict});
  push_value({.kind = Kind::object, .callable = callable, .args = args});
}

bool PickleMachine::call(unsigned char op) {
  switch (op) {
    case 'c': {  // GLOBAL
      const std::string_view module = line();
      global(module, line());
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const Ref name = pop(), module = pop();
      if (value(name).kind != Kind::text || value(module).kind != Kind::text) {
        bad("the name of a class is no text");
      }
      global(value(module).text, value(name).text);
      return true;
    }
    case 'R':
    case 0x81: {  // REDUCE, NEWOBJ
      const Ref args = pop(), callable = pop();
      invoke(callable, args, op == 0x81);
      return true;
    }
    case 0x92: {  // NEWOBJ_EX
      const Ref keywords = pop(), args = pop(), callable = pop();
      if (value(keywords).kind != Kind::dict) bad("keyword arguments are no dict");
      invoke(callable, args, true);
      return true;
    }
    case 'o':
    case 'i': {  // OBJ, INST: protocols 0 and 1
      std::vector<Ref> items;
      Ref callable = Pickle::nothing;
      if (op == 'i') {
        const std::string_view module = line();
        items = pop_mark();
        global(module, line());
        callable = pop();
      } else {
        items = pop_mark();
        if (items.empty()) bad("an object without a class");
        callable = items.front();
        items.erase(items.begin());
      }
      invoke(callable, make({.kind = Kind::tuple, .items = std::move(items)}), true);
      return true;
    }
    case 'b': {  // BUILD
      const Ref state = pop();
      Value& to = value(top());
      if (to.kind != Kind::object && to.kind != Kind::dict) {
        bad("a state is set on {}", out_.describe(to));
      }
      to.state = state;
      return true;
    }
    case 'P': push_value({.kind = Kind::persistent, .text = line()}); return true;
    case 'Q': push_value({.kind = Kind::persistent, .args = pop()}); return true;
    default: return false;
  }
}

Pickle::Pickle(std::span<const std::byte> data, const std::string& where) {
  PickleMachine(*this, data, where).run();
}

const Pickle::Value* Pickle::find(const Value& dict, std::string_view key) const {
  if (dict.kind != Kind::dict) return nullptr;
  for (std::size_t i = dict.items.size(); i >= 2; i -= 2) {
    const Value& k = values_[dict.items[i - 2]];
    if (k.kind == Kind::text && k.text == key) return &values_[dict.items[i - 1]];
  }
  return nullptr;
}

std::string Pickle::describe(const Value& value) const {
  static constexpr std::array names = {"None",     "a truth value", "a number", "a number",
                                       "a number", "text",          "bytes",    "a list",
                                       "a tuple",  "a set",         "a dict"};
  const Value* at = &value;
  for (int depth = 0; at->kind == Kind::object && depth < 8; ++depth) at = &values_[at->callable];
  if (at->kind == Kind::global) return quoted(at->text);
  if (at->kind == Kind::persistent) {
    // ('module', class, its file, its source): how older versions of torch name a model's class.
    const Value* id = at->args == nothing ? nullptr : &values_[at->args];
    const bool module = id && id->kind == Kind::tuple && id->items.size() >= 2 &&
                        values_[id->items[0]].text == "module" &&
                        values_[id->items[1]].kind == Kind::global;
    return module ? quoted(values_[id->items[1]].text) : "a storage";
  }
  const auto index = static_cast<std::size_t>(at->kind);
  return index < names.size() ? names[index] : "an object";
}

}  // namespace rn::io
