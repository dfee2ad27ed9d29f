// Fuzz bytes as a series of choices; when they are used up, every choice is the first one.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace rn::fuzz {

class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data, size) {}
  bool done() const { return data_.empty(); }
  std::size_t left() const { return data_.size(); }

  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes && !data_.empty(); ++i) {
      value = (value << 8) | data_[0];
      data_ = data_.subspan(1);
    }
    return value;
  }
  std::size_t below(std::size_t count) {
    return count < 2 ? 0 : static_cast<std::size_t>(number(count <= 256 ? 1 : 4) % count);
  }
  bool one_in(std::size_t n) { return !done() && below(n) == n - 1; }
  template <class T, std::size_t n>
  const T& of(const T (&choices)[n]) {
    return choices[below(n)];
  }
  std::string text(std::size_t most) {
    std::string text;
    for (std::size_t length = below(most + 1); length > 0 && !done(); --length) {
      text += static_cast<char>(number(1));
    }
    return text;
  }
  std::string rest() {
    std::string text(data_.begin(), data_.end());
    data_ = {};
    return text;
  }

 private:
  std::span<const std::uint8_t> data_;
};

}  // namespace rn::fuzz
