// Samples that are points, not pictures: a few real numbers each, as images of 1x1 with a channel
// for each number. Nothing is rounded to bytes.
#pragma once

#include <string>
#include <vector>

#include "data/kinds.h"

namespace rn::data {

// A set that lies in memory as a whole: points one after the other.
class PointSource : public Source {
 public:
  // Fills in count, digest and that its samples are points. Errors (shape): sizes do not agree.
  PointSource(Info info, std::vector<double> points, std::vector<std::int32_t> labels);
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override;
  std::int32_t read_point(std::int64_t index, std::span<double> point) const override;
  // Instead of that of the numbers.
  void set_digest(std::string digest) { info_.digest = std::move(digest); }

 private:
  std::vector<double> points_;
  std::vector<std::int32_t> labels_;
};

// Built in, in the plane, two classes that take turns, 1000 to train and 1000 to test: pure
// functions of (split, index).
bool is_point_set(const std::string& name);  // spirals, circles, moons
std::unique_ptr<Source> open_point_set(const Request& request);

// A text file of numbers: a row for each point, its label last; or, under a header, in the column
// "label", with the split in the column "split" if there is one, else all is for training. Columns
// are separated by commas, semicolons or tabs. Labels are words or numbers; classes are in the
// order of the numbers, or of the words. Errors (input): the line that is not so.
std::unique_ptr<Source> open_csv(const Request& request);
std::vector<Split> splits_of_csv(const std::string& where);

}  // namespace rn::data
