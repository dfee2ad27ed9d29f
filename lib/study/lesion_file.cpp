// Lesion results as HDF5.
#include <algorithm>

#include "study/combinatorics.h"
#include "study/lesion_result.h"
#include "study/result_file.h"

namespace rn::study {
namespace {

using rn::to_string;

constexpr const char* kind = "lesion";
constexpr std::int64_t most_cells = std::int64_t{1} << 30;

void write_lesions(io::H5& file, const LesionResult& r) {
  using S = std::string;
  using I = std::int64_t;
  const auto of_lesion = [&](const S& name, auto&& value) {
    file.write_column("lesions/" + name, column<I>(r.lesions, value));
  };
  file.write_column("lesions/index", r.index);
  file.write_column("lesions/name", column<S>(r.lesions, [](const Lesion& l) { return l.name; }));
  of_lesion("k", [](const Lesion& l) { return l.k; });
  of_lesion("trial", [](const Lesion& l) { return l.trial; });
  file.write_column("lesions/tau", column<double>(r.lesions, tau_of));
  const auto counts = [&](const S& name, auto&& value) {
    file.write_column("lesions/" + name, column<I>(r.tallies, value));
  };
  const auto reals = [&](const S& name, const char* units, auto&& value) {
    file.write_column("lesions/" + name, column<double>(r.tallies, value), units);
  };
  counts("errors", [](const Tally& t) { return t.errors; });
  counts("flips", [](const Tally& t) { return t.flips; });
  counts("gained", [](const Tally& t) { return t.gained; });
  counts("lost", [](const Tally& t) { return t.lost; });
  counts("nonfinite", [](const Tally& t) { return t.nonfinite; });
  reals("error", "%", [](const Tally& t) { return t.error(); });
  reals("loss", "nat", [](const Tally& t) { return t.loss(); });
  reals("loss_sum", "nat", [](const Tally& t) { return t.loss_sum; });
  reals("confidence", "", [](const Tally& t) { return t.confidence(); });
  reals("confidence_sum", "", [](const Tally& t) { return t.confidence_sum; });
  reals("difference", "%", [](const Tally& t) { return difference(t).value; });
  reals("difference_low", "%", [](const Tally& t) { return difference(t).low; });
  reals("difference_high", "%", [](const Tally& t) { return difference(t).high; });
  reals("p_value", "", [](const Tally& t) { return mcnemar_p(t.lost, t.gained); });
}

void write_matrices(io::H5& file, const LesionResult& r) {
  const auto rows = static_cast<std::int64_t>(r.lesions.size());
  const auto n = static_cast<std::int64_t>(r.blocks.size());
  const Tensor block({rows, n}, Dtype::i32, Tag::workspace),
      branch({rows, n}, Dtype::f32, Tag::workspace),
      shortcut({rows, n}, Dtype::f32, Tag::workspace), noise({rows, n}, Dtype::f32, Tag::workspace);
  std::int64_t at = 0;
  for (const Lesion& lesion : r.lesions) {
    for (const Place& place : lesion.places) {
      block.data<std::int32_t>()[at] = static_cast<std::int32_t>(place.block);
      branch.data<float>()[at] = static_cast<float>(place.branch);
      shortcut.data<float>()[at] = static_cast<float>(place.shortcut);
      noise.data<float>()[at++] = static_cast<float>(place.noise);
    }
  }
  file.write("paths/block", block);
  file.write("paths/branch", branch);
  file.write("paths/shortcut", shortcut);
  file.write("paths/noise", noise);
  const auto classes = static_cast<std::int64_t>(r.class_names.size());
  const Tensor errors = Tensor::zeros({rows, classes}, Dtype::i64, Tag::workspace);
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto& from = r.tallies[static_cast<std::size_t>(i)].class_errors;
    std::copy(from.begin(), from.end(), errors.data<std::int64_t>() + i * classes);
  }
  file.write("class_errors", errors);
  file.write_column("classes", r.class_names);
}

// Tables that follow from the rest, for readers of the file.
void write_summaries(io::H5& file, const LesionResult& r) {
  const Study study = r.options.study;
  if (study == Study::delete_random || study == Study::shuffle) {
    const std::vector<KSummary> summary = summarize(r);
    const auto real = [&](const char* name, const char* units, double KSummary::*value) {
      file.write_column(std::string("by_k/") + name,
                        column<double>(summary, [&](const KSummary& s) { return s.*value; }),
                        units);
    };
    file.write_column("by_k/k",
                      column<std::int64_t>(summary, [](const KSummary& s) { return s.k; }));
    file.write_column("by_k/trials",
                      column<std::int64_t>(summary, [](const KSummary& s) { return s.trials; }));
    real("error", "%", &KSummary::error);
    real("standard_error", "%", &KSummary::standard_error);
    real("least", "%", &KSummary::least);
    real("most", "%", &KSummary::most);
    real("tau", "", &KSummary::tau);
    if (study == Study::delete_random) {
      const auto n = static_cast<std::int64_t>(r.blocks.size());
      const auto rows = static_cast<std::int64_t>(summary.size());
      const Tensor left({rows, n + 1}, Dtype::f64, Tag::workspace);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t x = 0; x <= n; ++x) {
          left.data<double>()[i * (n + 1) + x] =
              paths_left(n, summary[static_cast<std::size_t>(i)].k, x);
        }
      }
      file.write("by_k/paths_left", left);  // [k, length]
    }
  }
  if (study == Study::shapley && r.whole()) {
    const std::vector<Shapley> values = shapley_values(r);
    file.write_column("shapley/value",
                      column<double>(values, [](const Shapley& s) { return s.value; }), "%");
    file.write_column("shapley/standard_error",
                      column<double>(values, [](const Shapley& s) { return s.standard_error; }),
                      "%");
  }
  if (study == Study::pairs && r.whole()) file.write("pairs/interaction", pair_interactions(r));
}

bool is_order(const Lesion& lesion) {
  std::vector<bool> seen(lesion.places.size(), false);
  for (const Place& place : lesion.places) {
    if (place.block < 0 || place.block >= static_cast<std::int64_t>(seen.size())) return false;
    if (seen[static_cast<std::size_t>(place.block)]) return false;
    seen[static_cast<std::size_t>(place.block)] = true;
  }
  return !seen.empty();
}

// How many lesions the whole study has; what is computed from them takes that for granted.
std::int64_t lesions_wanted(const LesionResult& r) {
  const auto n = static_cast<std::int64_t>(r.blocks.size());
  switch (r.options.study) {
    case Study::delete_each:
    case Study::delete_shortcut:
    case Study::noise: return n + 1;
    case Study::delete_set:
    case Study::keep_only: return 2;
    case Study::delete_random:
    case Study::shuffle: return r.total - (r.total - 1) % r.options.trials;
    case Study::shapley: return r.options.trials * (n + 1) + 1;
    case Study::pairs: return n * (n + 1) / 2 + 1;
  }
  return -1;
}

void read_tables(const io::H5& file, LesionResult& r) {
  const ResultReader in(file);
  r.blocks = read_blocks(file);
  const std::size_t n = r.blocks.size();
  r.class_names = file.read_strings("classes");
  r.index = file.read_ints("lesions/index");
  const std::size_t rows = r.index.size(), classes = r.class_names.size();
  const auto lesion_names = in.texts("lesions/name", rows);
  const auto k = in.ints("lesions/k", rows), trial = in.ints("lesions/trial", rows),
             errors = in.ints("lesions/errors", rows), flips = in.ints("lesions/flips", rows),
             gained = in.ints("lesions/gained", rows), lost = in.ints("lesions/lost", rows),
             nonfinite = in.ints("lesions/nonfinite", rows);
  const auto loss = in.reals("lesions/loss_sum", rows),
             confidence = in.reals("lesions/confidence_sum", rows);
  const auto matrix = [&](const char* name, std::size_t columns, Dtype dtype) {
    return in.tensor(name, {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)},
                     dtype);
  };
  const Tensor block = matrix("paths/block", n, Dtype::i32),
               branch = matrix("paths/branch", n, Dtype::f32),
               shortcut = matrix("paths/shortcut", n, Dtype::f32),
               noise = matrix("paths/noise", n, Dtype::f32),
               by_class = matrix("class_errors", classes, Dtype::i64);
  if (rows == 0 || r.index.front() != 0) {
    fail(ErrorKind::input, "{}: the intact network is not the first of lesions", file.name());
  }
  for (std::size_t i = 0; i < rows; ++i) {
    Lesion lesion{lesion_names[i], k[i], trial[i], {}};
    for (std::size_t p = i * n; p < (i + 1) * n; ++p) {
      lesion.places.push_back({block.data<std::int32_t>()[p], branch.data<float>()[p],
                               shortcut.data<float>()[p], noise.data<float>()[p]});
    }
    if (!is_order(lesion)) {
      fail(ErrorKind::input, "{}: row {} of paths/block is no order of {} blocks", file.name(), i,
           n);
    }
    r.lesions.push_back(std::move(lesion));
    const auto* begin = by_class.data<std::int64_t>() + i * classes;
    r.tallies.push_back({r.done,
                         errors[i],
                         flips[i],
                         gained[i],
                         lost[i],
                         nonfinite[i],
                         loss[i],
                         confidence[i],
                         {begin, begin + classes}});
    const auto counts = [&](std::int64_t value) { return value >= 0 && value <= r.done; };
    const bool sane = counts(errors[i]) && counts(flips[i]) && counts(gained[i]) &&
                      counts(lost[i]) && counts(nonfinite[i]) && k[i] >= 0 && r.index[i] >= 0 &&
                      r.index[i] < r.total && (i == 0 || r.index[i] > r.index[i - 1]);
    if (!sane) {
      fail(ErrorKind::input, "{}: row {} of lesions holds numbers that cannot be", file.name(), i);
    }
  }
  if (lesions_wanted(r) != r.total) {
    fail(ErrorKind::input, "{}: {} lesions do not make a study of kind {} of {} blocks",
         file.name(), r.total, to_string(r.options.study), n);
  }
}

}  // namespace

io::H5 to_h5(const LesionResult& r, bool paths) {
  io::H5 file = start_result(kind);
  file.set("/", "arch", r.arch);
  file.set("study", "study", to_string(r.options.study));
  file.set("study", "trials", r.options.trials);
  file.set("study", "seed", static_cast<std::int64_t>(r.options.seed));
  file.set("study", "sigma", r.options.sigma);
  file.set("study", "model_sha256", r.model_digest);
  file.set("study", "data", paths ? r.data : io::without_path(r.data));
  file.set("study", "data_sha256", r.data_digest);
  file.set("study", "split", r.split);
  file.set("study", "precision", r.precision);
  file.set("study", "recalibrated", r.recalibrated);
  file.set("study", "images", r.images);
  file.set("study", "done", r.done);
  file.set("study", "shard", r.shard.index);
  file.set("study", "shards", r.shard.count);
  file.set("study", "lesions", r.total);
  if (any_shares_preactivation(r.blocks)) {
    file.set("study", "shortcut_of_shared_preactivation", "takes the activated input");
  }
  write_blocks(file, r.blocks);
  write_lesions(file, r);
  write_matrices(file, r);
  if (r.done == r.images) write_summaries(file, r);
  return file;
}

LesionResult read_lesions(const io::H5& file) {
  check_kind(file, kind, "resnet-lesion");
  const ResultReader in(file);
  LesionResult r;
  try {
    r.options.study = parse_study(file.get_string("study", "study"));
  } catch (const Error& error) {
    fail(ErrorKind::input, "{}: {}", file.name(), error.what());
  }
  r.options.trials = in.number("trials", 1, most_cells);
  r.options.seed = static_cast<std::uint64_t>(file.get_int("study", "seed"));
  r.options.sigma = file.get_double("study", "sigma");
  r.arch = file.get_string("/", "arch");
  r.model_digest = file.get_string("study", "model_sha256");
  r.data = file.get_string("study", "data");
  r.data_digest = file.get_string("study", "data_sha256");
  r.split = file.get_string("study", "split");
  r.precision = file.get_string("study", "precision");
  r.recalibrated = in.number("recalibrated", 0, most_cells);
  r.images = in.number("images", 0, most_cells);
  r.done = in.number("done", 0, r.images);
  r.shard.count = in.number("shards", 1, most_shards);
  r.shard.index = in.number("shard", 0, r.shard.count - 1);
  r.total = in.number("lesions", 1, most_cells);
  read_tables(file, r);
  return r;
}

}  // namespace rn::study
