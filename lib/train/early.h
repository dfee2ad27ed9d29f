// When training stops early, and which of its epochs was the best: functions of the curves, so that
// there is nothing to save.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "train/model_file.h"

namespace rn::train {

// What decides: the validation error where there is a validation split, else that on the test set.
const std::vector<double>& deciding_error(const Curves& curves, bool has_val);

// The row with the lowest error, of equal ones the first; nothing where nothing was measured.
std::optional<std::size_t> best_row(const std::vector<double>& error);

// Whether the last `patience` measurements brought nothing better. patience 0: never.
bool stalled(const std::vector<double>& error, std::int64_t patience);

}  // namespace rn::train
