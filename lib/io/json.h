// A small JSON writer: one object in one line, for --json results and JSONL logs. Numbers are the
// shortest that read back the same; NaN and infinities, which JSON lacks, become null.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace rn::io {

class Json {
 public:
  Json& add(std::string_view key, std::string_view value);
  Json& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }
  Json& add(std::string_view key, double value);
  template <std::integral T>
  Json& add(std::string_view key, T value) {
    if constexpr (std::same_as<T, bool>) {
      return raw(key, value ? "true" : "false");
    } else {
      return raw(key, std::to_string(value));
    }
  }
  Json& add(std::string_view key, const Json& object) { return raw(key, object.str()); }
  Json& add(std::string_view key, std::span<const double> values);
  Json& add(std::string_view key, std::span<const std::int64_t> values);
  Json& add(std::string_view key, std::span<const std::string> values);
  Json& add(std::string_view key, std::span<const Json> objects);
  Json& null(std::string_view key) { return raw(key, "null"); }

  std::string str() const { return "{" + body_ + "}"; }  // without a newline

 private:
  Json& raw(std::string_view key, std::string_view value);
  std::string body_;
};

std::string json_number(double value);
std::string json_string(std::string_view text);  // quoted; invalid UTF-8 becomes U+FFFD

}  // namespace rn::io
