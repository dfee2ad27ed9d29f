#include "train/early.h"

#include <cmath>

namespace rn::train {

const std::vector<double>& deciding_error(const Curves& curves, bool has_val) {
  return has_val ? curves.val_error : curves.test_error;
}

std::optional<std::size_t> best_row(const std::vector<double>& error) {
  std::optional<std::size_t> best;
  for (std::size_t row = 0; row < error.size(); ++row) {
    if (std::isnan(error[row])) continue;
    if (!best || error[row] < error[*best]) best = row;
  }
  return best;
}

bool stalled(const std::vector<double>& error, std::int64_t patience) {
  const auto best = best_row(error);
  if (patience == 0 || !best) return false;
  std::int64_t since = 0;
  for (std::size_t row = *best + 1; row < error.size(); ++row) since += !std::isnan(error[row]);
  return since >= patience;
}

}  // namespace rn::train
