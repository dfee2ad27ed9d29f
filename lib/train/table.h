// The table that a run prints as it goes, a line an epoch.
#pragma once

#include <limits>
#include <string>
#include <utility>

namespace rn::train {

struct TableRow {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  double epoch = 0, lr = 0;
  double train_loss = unknown, train_error = unknown;  // errors in percent
  double val_loss = unknown, val_error = unknown;
  double test_loss = unknown, test_error = unknown;
  double images_per_second = 0;
  double elapsed = 0, left = 0;  // seconds
};

class Table {
 public:
  // item: what is counted in a second.
  Table(bool val, bool test, std::string item = "img")
      : val_(val), test_(test), item_(std::move(item)) {}
  std::string header() const;
  std::string line(const TableRow& row) const;  // NaN: a dash

 private:
  bool val_, test_;  // which columns there are
  std::string item_;
};

// "42 s", "3:07", "1:02:03".
std::string format_seconds(double seconds);

}  // namespace rn::train
