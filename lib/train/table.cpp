#include "train/table.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace rn::train {
namespace {

std::string cell(double value, int width, int digits) {
  return std::isnan(value) ? fmt::format("{:>{}}", "-", width)
                           : fmt::format("{:>{}.{}f}", value, width, digits);
}

}  // namespace

std::string Table::header() const {
  std::string text = fmt::format("{:>6} {:>9} {:>10} {:>7}", "epoch", "lr", "train loss", "err %");
  if (val_) text += fmt::format(" {:>9} {:>7}", "val loss", "err %");
  if (test_) text += fmt::format(" {:>9} {:>7}", "test loss", "err %");
  return text + fmt::format(" {:>7} {:>9} {:>9}", item_ + "/s", "elapsed", "left");
}

std::string Table::line(const TableRow& row) const {
  const bool whole = row.epoch == std::floor(row.epoch);
  std::string text = fmt::format("{:>6.{}f} {:>9.4g}", row.epoch, whole ? 0 : 2, row.lr) + " " +
                     cell(row.train_loss, 10, 4) + " " + cell(row.train_error, 7, 2);
  if (val_) text += " " + cell(row.val_loss, 9, 4) + " " + cell(row.val_error, 7, 2);
  if (test_) text += " " + cell(row.test_loss, 9, 4) + " " + cell(row.test_error, 7, 2);
  return text + fmt::format(" {:>7.0f} {:>9} {:>9}", row.images_per_second,
                            format_seconds(row.elapsed), format_seconds(row.left));
}

std::string format_seconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9) return "?";
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace rn::train
