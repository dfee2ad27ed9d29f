// What follows from the tallies: means over trials, Shapley values, interactions; text and tables.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "io/table.h"
#include "study/combinatorics.h"
#include "study/lesion_result.h"

namespace rn::study {
namespace {

bool by_block(Study study) {
  return study == Study::delete_each || study == Study::delete_shortcut || study == Study::noise;
}

const Tally& intact(const LesionResult& result) { return result.tallies.front(); }

// Of lesion i >= 1 of a whole study by blocks: lesions follow the table.
const StudyBlock* block_of(const LesionResult& result, std::size_t lesion) {
  const std::int64_t block = result.index[lesion] - 1;
  if (!by_block(result.options.study) || block < 0) return nullptr;
  return &result.blocks[static_cast<std::size_t>(block)];
}

double standard_error(double sum, double squares, double n) {
  return n > 1 ? std::sqrt(std::max(0.0, (squares - sum * sum / n) / (n - 1) / n)) : 0;
}

void demand_whole(const LesionResult& result, Study study) {
  require(result.options.study == study && result.whole(), "only a whole study of kind {} has this",
          to_string(study));
}

}  // namespace

double tau_of(const Lesion& lesion) {
  std::vector<std::int64_t> order;
  for (const Place& place : lesion.places) order.push_back(place.block);
  return kendall_tau(order);
}

std::vector<KSummary> summarize(const LesionResult& result) {
  struct Sums {
    double n = 0, sum = 0, squares = 0, least = 1e300, most = -1e300, tau = 0;
  };
  std::map<std::int64_t, Sums> by_k;
  for (std::size_t i = 0; i < result.lesions.size(); ++i) {
    if (result.index[i] == 0) continue;
    Sums& s = by_k[result.lesions[i].k];
    const double error = result.tallies[i].error();
    s.n += 1;
    s.sum += error;
    s.squares += error * error;
    s.least = std::min(s.least, error);
    s.most = std::max(s.most, error);
    s.tau += tau_of(result.lesions[i]);
  }
  std::vector<KSummary> summary;
  for (const auto& [k, s] : by_k) {
    summary.push_back({k, static_cast<std::int64_t>(s.n), s.sum / s.n,
                       standard_error(s.sum, s.squares, s.n), s.least, s.most, s.tau / s.n});
  }
  return summary;
}

std::vector<Shapley> shapley_values(const LesionResult& result) {
  demand_whole(result, Study::shapley);
  const std::size_t n = result.blocks.size();
  const auto trials = static_cast<double>(result.options.trials);
  std::vector<double> sum(n, 0), squares(n, 0);
  // Coalitions of a trial follow each other; what a coalition has and the one before has not is the
  // block that was added.
  for (std::size_t i = 2; i < result.lesions.size(); ++i) {
    const Lesion &now = result.lesions[i], &before = result.lesions[i - 1];
    if (now.k == 0) continue;
    for (std::size_t b = 0; b < n; ++b) {
      if (now.places[b].branch == before.places[b].branch) continue;
      const double gain = result.tallies[i - 1].error() - result.tallies[i].error();
      sum[b] += gain;
      squares[b] += gain * gain;
    }
  }
  std::vector<Shapley> values;
  for (std::size_t b = 0; b < n; ++b) {
    values.push_back({sum[b] / trials, standard_error(sum[b], squares[b], trials)});
  }
  return values;
}

Tensor pair_interactions(const LesionResult& result) {
  demand_whole(result, Study::pairs);
  const auto n = static_cast<std::int64_t>(result.blocks.size());
  const Tensor matrix = Tensor::zeros({n, n}, Dtype::f64, Tag::workspace);
  double* m = matrix.data<double>();
  std::size_t at = 1;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i; j < n; ++j) m[i * n + j] = result.tallies[at++].error();
  }
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i + 1; j < n; ++j) {
      m[i * n + j] += intact(result).error() - m[i * n + i] - m[j * n + j];
      m[j * n + i] = m[i * n + j];
    }
  }
  for (std::int64_t i = 0; i < n; ++i) m[i * n + i] = 0;
  return matrix;
}

std::string to_table(const LesionResult& result) {
  const Study study = result.options.study;
  if (study == Study::shapley) {
    io::Table table("block", "stage", "downsampling", "value", "standard_error");
    const std::vector<Shapley> values = shapley_values(result);
    for (std::size_t b = 0; b < values.size(); ++b) {
      const auto& block = result.blocks[b];
      table.row(block.name, block.stage, block.downsamples, values[b].value,
                values[b].standard_error);
    }
    return table.str();
  }
  if (study == Study::pairs) {
    io::Table table("first", "second", "error", "interaction");
    const Tensor interactions = pair_interactions(result);
    const std::size_t n = result.blocks.size();
    std::size_t at = 1;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i; j < n; ++j, ++at) {
        table.row(result.blocks[i].name, result.blocks[j].name, result.tallies[at].error(),
                  interactions.data<double>()[i * n + j]);
      }
    }
    return table.str();
  }
  if (study == Study::delete_random || study == Study::shuffle) {
    io::Table table("lesion", "k", "trial", "tau", "errors", "error", "loss", "flips");
    for (std::size_t i = 0; i < result.lesions.size(); ++i) {
      const Lesion& lesion = result.lesions[i];
      const Tally& t = result.tallies[i];
      table.row(lesion.name, lesion.k, lesion.trial, tau_of(lesion), t.errors, t.error(), t.loss(),
                t.flips);
    }
    return table.str();
  }
  io::Table table("block", "stage", "downsampling", "errors", "error", "loss", "flips");
  for (std::size_t i = 0; i < result.lesions.size(); ++i) {
    const Tally& t = result.tallies[i];
    const auto* block = block_of(result, i);
    table.row(result.lesions[i].name, block ? block->stage : "-", block && block->downsamples,
              t.errors, t.error(), t.loss(), t.flips);
  }
  return table.str();
}

namespace {

// The pairs whose interaction is largest, the others counted.
std::string strongest_pairs(const LesionResult& result) {
  constexpr std::size_t shown = 8;
  const Tensor matrix = pair_interactions(result);
  const std::size_t n = result.blocks.size();
  struct Pair {
    double value;
    std::size_t first, second;
  };
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      pairs.push_back({matrix.data<double>()[i * n + j], i, j});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return std::abs(a.value) > std::abs(b.value);
  });
  std::string out = "error of both - errors of each + intact error, in percentage points:\n";
  for (std::size_t i = 0; i < std::min(shown, pairs.size()); ++i) {
    out += fmt::format("{:+8.2f}  {} with {}\n", pairs[i].value,
                       printable(result.blocks[pairs[i].first].name),
                       printable(result.blocks[pairs[i].second].name));
  }
  if (pairs.size() > shown) out += fmt::format("({} more: --table)\n", pairs.size() - shown);
  return out;
}

// Which blocks a set of them is.
std::string deleted(const LesionResult& result) {
  std::string names;
  for (const Place& place : result.lesions.back().places) {
    if (place.branch != 0) continue;
    names += (names.empty() ? "" : ", ") +
             printable(result.blocks[static_cast<std::size_t>(place.block)].name);
  }
  return "deleted: " + (names.empty() ? "none" : names) + '\n';
}

}  // namespace

std::string to_text(const LesionResult& result) {
  const Tally& base = intact(result);
  std::string out = fmt::format(
      "{}: {} on {} {}, {} images, {} of {} lesions\nintact: {:.2f} % error ({}), loss {:.4f}\n",
      printable(result.arch), to_string(result.options.study), printable(result.data),
      printable(result.split), base.count, result.lesions.size() - 1, result.total - 1,
      base.error(), base.errors, base.loss());
  const Study study = result.options.study;
  if (study == Study::delete_random || study == Study::shuffle) {
    for (const KSummary& s : summarize(result)) {
      out += fmt::format("k = {:<4} {:6.2f} +- {:.2f} % error over {} trials ({:.2f} to {:.2f})",
                         s.k, s.error, s.standard_error, s.trials, s.least, s.most);
      out += study == Study::shuffle ? fmt::format(", tau {:.3f}\n", s.tau) : "\n";
    }
    return out;
  }
  if (study == Study::shapley && result.whole()) {
    const std::vector<Shapley> values = shapley_values(result);
    for (std::size_t b = 0; b < values.size(); ++b) {
      out += fmt::format("{:<18}{} {:7.2f} +- {:.2f} points\n", result.blocks[b].name,
                         result.blocks[b].downsamples ? " *" : "  ", values[b].value,
                         values[b].standard_error);
    }
    return out;
  }
  if (study == Study::pairs && result.whole()) return out + strongest_pairs(result);
  if (study == Study::pairs || study == Study::shapley) return out;
  if (study == Study::delete_set || study == Study::keep_only) out += deleted(result);
  for (std::size_t i = 1; i < result.lesions.size(); ++i) {
    const Tally& t = result.tallies[i];
    const Difference d = difference(t);
    const auto* block = block_of(result, i);
    out += fmt::format("{:<18}{} {:6.2f} % error ({}), {:+.2f} [{:+.2f}, {:+.2f}], {} flips\n",
                       printable(result.lesions[i].name), block && block->downsamples ? " *" : "  ",
                       t.error(), t.errors, d.value, d.low, d.high, t.flips);
  }
  if (by_block(study)) out += "* down-samples: its shortcut changes the shape, and stays\n";
  return out;
}

io::Json to_json(const LesionResult& result) {
  const Tally& base = intact(result);
  std::vector<std::string> names;
  std::vector<std::int64_t> errors, flips;
  std::vector<double> loss;
  for (std::size_t i = 1; i < result.lesions.size(); ++i) {
    names.push_back(result.lesions[i].name);
    errors.push_back(result.tallies[i].errors);
    flips.push_back(result.tallies[i].flips);
    loss.push_back(result.tallies[i].loss());
  }
  io::Json json;
  json.add("study", to_string(result.options.study))
      .add("arch", result.arch)
      .add("data", result.data)
      .add("split", result.split)
      .add("count", base.count)
      .add("lesions", result.lesions.size() - 1)
      .add("total", result.total - 1)
      .add("intact_errors", base.errors)
      .add("intact_error", base.error())
      .add("names", names)
      .add("errors", errors)
      .add("flips", flips)
      .add("loss", loss);
  if (result.options.study == Study::shapley && result.whole()) {
    std::vector<double> values, spread;
    std::vector<std::string> blocks;
    for (const Shapley& s : shapley_values(result)) {
      values.push_back(s.value);
      spread.push_back(s.standard_error);
    }
    for (const auto& block : result.blocks) blocks.push_back(block.name);
    json.add("blocks", blocks).add("shapley", values).add("standard_error", spread);
  }
  return json;
}

}  // namespace rn::study
