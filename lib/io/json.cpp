#include "io/json.h"

#include <fmt/format.h>

#include <cmath>

namespace rn::io {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, or 0 (Unicode, table 3-7).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto follows = [&](std::size_t i) { return at(i) >= 0x80 && at(i) <= 0xbf; };
  const unsigned a = at(0), b = at(1);
  if (a < 0x80) return 1;
  if (a >= 0xc2 && a <= 0xdf) return follows(1) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    const bool second = a == 0xe0   ? b >= 0xa0 && b <= 0xbf
                        : a == 0xed ? b >= 0x80 && b <= 0x9f
                                    : follows(1);
    return second && follows(2) ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const bool second = a == 0xf0   ? b >= 0x90 && b <= 0xbf
                        : a == 0xf4 ? b >= 0x80 && b <= 0x8f
                                    : follows(1);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

template <class T, class F>
std::string array(std::span<const T> values, F&& text) {
  std::string out = "[";
  for (const T& value : values) {
    if (out.size() > 1) out += ',';
    out += text(value);
  }
  return out + "]";
}

}  // namespace

std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "\"";
}

Json& Json::raw(std::string_view key, std::string_view value) {
  if (!body_.empty()) body_ += ',';
  body_ += json_string(key);
  body_ += ':';
  body_ += value;
  return *this;
}

Json& Json::add(std::string_view key, std::string_view value) {
  return raw(key, json_string(value));
}

Json& Json::add(std::string_view key, double value) { return raw(key, json_number(value)); }

Json& Json::add(std::string_view key, std::span<const double> values) {
  return raw(key, array(values, json_number));
}

Json& Json::add(std::string_view key, std::span<const std::int64_t> values) {
  return raw(key, array(values, [](std::int64_t v) { return std::to_string(v); }));
}

Json& Json::add(std::string_view key, std::span<const std::string> values) {
  return raw(key, array(values, [](const std::string& s) { return json_string(s); }));
}

Json& Json::add(std::string_view key, std::span<const Json> objects) {
  return raw(key, array(objects, [](const Json& object) { return object.str(); }));
}

}  // namespace rn::io
