// Ten views of each image: its corners and its middle, and their mirror images (Krizhevsky et al.
// 2012).
#pragma once

#include "data/source.h"

namespace rn::data {

constexpr std::int64_t ten_views = 10;

// Sample 10 i + k is view k of sample i of `source`, which must outlive it. Errors (usage): the
// source's images are no larger than what they are cut to.
class TenCrop : public Source {
 public:
  explicit TenCrop(const Source& source);
  bool small() const override { return source_.small(); }
  void announce(std::int64_t index) const override { source_.announce(index / ten_views); }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override;
  bool costly() const override { return source_.costly(); }

 private:
  const Source& source_;
};

}  // namespace rn::data
