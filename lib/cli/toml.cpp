#include "cli/toml.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/error.h"

namespace rn::cli {
namespace {

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  std::vector<TomlEntry> entries() {
    std::vector<TomlEntry> found;
    for (skip(true); at_ < text_.size(); skip(true)) {
      TomlEntry entry;
      entry.line = line_;
      if (peek() == '[') error("tables are not used here: write the options as KEY = VALUE lines");
      entry.key = key();
      const auto same = [&](const TomlEntry& other) { return other.key == entry.key; };
      if (const auto first = std::find_if(found.begin(), found.end(), same); first != found.end()) {
        error("'{}' is set twice (first in line {})", entry.key, first->line);
      }
      skip(false);
      if (peek() != '=') error("expected KEY = VALUE, found no '=' after '{}'", entry.key);
      ++at_;
      skip(false);
      if (peek() == '[') {
        array(entry.values);
      } else {
        entry.values.push_back(value());
      }
      skip(false);
      if (at_ < text_.size() && peek() != '\n') error("text after the value of '{}'", entry.key);
      found.push_back(std::move(entry));
    }
    return found;
  }

 private:
  template <class... Args>
  [[noreturn]] void error(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorKind::usage, "{}:{}: {}", name_, line_,
         fmt::format(format, std::forward<Args>(args)...));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }

  // Over blanks and comments, and over line ends too where asked.
  void skip(bool lines) {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        if (at_ == text_.size()) return;
      }
      if (text_[at_] == '\n') {
        if (!lines) return;
        ++line_;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }

  std::string key() {
    if (peek() == '"' || peek() == '\'') return string();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_bare(text_[at_])) ++at_;
    if (at_ == begin) error("expected KEY = VALUE");
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string value() {
    if (peek() == '"' || peek() == '\'') return string();
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_bare(text_[at_]) || text_[at_] == '+' || text_[at_] == '.')) {
      ++at_;
    }
    std::string word(text_.substr(begin, at_ - begin));
    if (word.empty()) error("expected a value: a string in quotes, a number, true, false or [...]");
    if (word == "true" || word == "false") return word;
    std::erase(word, '_');
    const char* first = word.data() + (word[0] == '+' ? 1 : 0);
    double number = 0;
    const auto parsed = std::from_chars(first, word.data() + word.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size()) {
      error("'{}' is neither a number nor true or false; strings stand in quotes", word);
    }
    return first == word.data() ? word : word.substr(1);
  }

  std::string string() {
    const char quote = text_[at_++];
    std::string out;
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return out;
      }
      if (c == '\\' && quote == '"') {
        if (++at_ >= text_.size()) break;
        c = text_[at_];
        switch (c) {
          case 'n': c = '\n'; break;
          case 't': c = '\t'; break;
          case 'r': c = '\r'; break;
          case '"':
          case '\\': break;
          default: error("unknown escape \\{} in a string", c);
        }
      }
      out += c;
    }
    error("a string without closing quote");
  }

  void array(std::vector<std::string>& values) {
    ++at_;
    for (skip(true); peek() != ']'; skip(true)) {
      if (at_ >= text_.size()) error("an array without closing ]");
      values.push_back(value());
      skip(true);
      if (peek() == ',') {
        ++at_;
      } else if (peek() != ']' && at_ < text_.size()) {
        error("expected ',' or ']' in an array");
      }
    }
    ++at_;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<TomlEntry> parse_toml(std::string_view text, const std::string& name) {
  return Reader(text, name).entries();
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default: out += c;
    }
  }
  return out + '"';
}

}  // namespace rn::cli
