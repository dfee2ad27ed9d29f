// Python pickles (protocols 0 to 5), read as data. Nothing is ever called or imported: classes and
// functions are names, and what a pickle would build by calling one is kept as the call.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rn::io {

class Pickle {
 public:
  using Ref = std::uint32_t;  // into the table of values; graphs may be cyclic
  static constexpr Ref nothing = 0xffffffff;

  enum class Kind : std::uint8_t {
    none,
    boolean,     // integer: 0 or 1
    integer,     // integer
    big,         // an integer over 64 bits; text: its little-endian bytes, or digits
    real,        // real
    text,        // text
    bytes,       // text
    list,        // items
    tuple,       // items
    set,         // items
    dict,        // items: key, value, key, value; also OrderedDict and defaultdict
    global,      // text: "module.name"
    persistent,  // args: the id (protocol 0: text)
    object,      // callable(args), then `items` added, then `state` set
  };

  struct Value {
    Kind kind = Kind::none;
    std::int64_t integer = 0;
    double real = 0;
    std::string_view text;
    std::vector<Ref> items;
    Ref callable = nothing, args = nothing, state = nothing;
  };

  // Reads one pickle from the front of `data`, which must stay where it is: texts point into it.
  // `where` begins messages ("model.pt: data.pkl"). Errors (input): malformed, cut off, over the
  // limits (values, depth), opcodes that torch never writes.
  Pickle(std::span<const std::byte> data, const std::string& where);

  static constexpr std::size_t max_values = std::size_t{1} << 22;
  static constexpr std::size_t max_depth = 1000;  // of open marks

  const Value& root() const { return values_[root_]; }
  const Value& operator[](Ref ref) const { return values_[ref]; }
  const std::vector<Value>& values() const { return values_; }
  std::size_t length() const { return length_; }  // bytes of the pickle in `data`

  // The value of a dict under a text key (the last one, as in Python), or null.
  const Value* find(const Value& dict, std::string_view key) const;

  // For messages: the class or function behind a value ("'argparse.Namespace'"), of an object what
  // was called; otherwise what the value is ("a list").
  std::string describe(const Value& value) const;

 private:
  friend class PickleMachine;
  std::vector<Value> values_;
  std::deque<std::string> made_;  // texts that do not stand in `data` as they are
  Ref root_ = 0;
  std::size_t length_ = 0;
};

}  // namespace rn::io
