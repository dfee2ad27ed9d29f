// Checkpoints that stay: of the best evaluation, and of the last epochs. They are hard links to the
// running checkpoint, so that keeping many costs one write each.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "io/file.h"
#include "train/early.h"
#include "train/trainer.h"

namespace rn::train {
namespace {

// Makes `to` the same file as `from`, whatever it was before; a copy where links are not possible.
void link_over(const std::string& from, const std::string& to) {
  const std::string beside = to + ".link";
  ::unlink(beside.c_str());
  if (::link(from.c_str(), beside.c_str()) == 0 && std::rename(beside.c_str(), to.c_str()) == 0) {
    // Two names of one file already: rename then leaves both.
    ::unlink(beside.c_str());
    return;
  }
  io::write_file(to, io::read_file(from));
}

}  // namespace

std::string kept_name(const TrainOptions& options, const std::string& checkpoint,
                      const std::string& what) {
  const bool beside_output = options.output != "-" && options.output + ".ckpt" == checkpoint;
  std::string stem = beside_output ? options.output : checkpoint;
  const std::string end = stem.ends_with(".h5") ? ".h5" : "";
  stem.resize(stem.size() - end.size());
  return stem + "." + what + end;
}

void Trainer::keep() {
  const TrainOptions& o = s_.options;
  if (!o.keep_best && o.keep_last == 0) return;
  const Curves& curves = s_.file.curves;
  const std::size_t rows = curves.epoch.size();
  if (rows == 0) return;  // before the first
  const auto best = best_row(deciding_error(curves, !s_.subsets.val.empty()));
  const bool is_best = o.keep_best && best && *best + 1 == rows;
  if (!is_best && o.keep_last == 0) return;
  const auto name = [&](std::size_t row) {
    return kept_name(o, s_.checkpoint, fmt::format("epoch{:g}", curves.epoch[row]));
  };
  try {
    save();
    if (is_best) link_over(s_.checkpoint, kept_name(o, s_.checkpoint, "best"));
    if (o.keep_last == 0) return;
    link_over(s_.checkpoint, name(rows - 1));
    const auto last = static_cast<std::size_t>(o.keep_last);
    if (rows > last) ::unlink(name(rows - 1 - last).c_str());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::failed) throw;
    warn("{}; training goes on", error.what());
  }
}

}  // namespace rn::train
