// What a finished run says on stdout.
#include "io/json.h"
#include "train/options.h"

namespace rn::train {

std::string Outcome::text(const std::string& output) const {
  std::string line =
      fmt::format("{}: {} of {} parameters, {:.6g} epochs", output, arch, parameters, epochs);
  const auto add = [&](const char* what, const std::optional<double>& value, const char* unit) {
    if (value) line += fmt::format(", {} {:.4g}{}", what, *value, unit);
  };
  add("train loss", train_loss, "");
  add("validation error", val_error, " %");
  add("test error", test_error, " %");
  if (seconds > 0) line += fmt::format(", {:.0f} {}/s", images_per_second, item);
  return line;
}

std::string Outcome::json(const std::string& output) const {
  io::Json object;
  object.add("arch", arch).add("parameters", parameters).add("epochs", epochs).add("steps", steps);
  const auto add = [&](const char* key, const std::optional<double>& value) {
    value ? object.add(key, *value) : object.null(key);
  };
  add("train_loss", train_loss);
  add("train_error", train_error);
  add("val_loss", val_loss);
  add("val_error", val_error);
  add("test_loss", test_loss);
  add("test_error", test_error);
  return object.add("images_per_second", images_per_second)
      .add("seconds", seconds)
      .add("output", output)
      .str();
}

}  // namespace rn::train
