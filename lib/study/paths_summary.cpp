// What follows from the measurements: means, ranges of lengths; text and tables.
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "io/table.h"
#include "study/paths_result.h"

namespace rn::study {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void add(LengthTable& sum, const LengthTable& part) {
  if (sum.norms.empty()) sum.assign(part.rows, part.lengths);
  for (std::size_t i = 0; i < part.norms.size(); ++i) {
    sum.norms[i] += part.norms[i];
    sum.shares[i] += part.shares[i];
  }
}

// Sums over images become means: shares over those that have a gradient.
void divide(LengthTable& sum, double images, double with_shares) {
  for (double& value : sum.norms) value /= images;
  for (double& value : sum.shares) value = with_shares > 0 ? value / with_shares : NAN;
}

struct Moments {
  double n = 0, mean = 0, m2 = 0;
  void add(double x) {  // Welford's update
    n += 1;
    const double delta = x - mean;
    mean += delta / n;
    m2 += delta * (x - mean);
  }
  double error() const { return n > 1 ? std::sqrt(m2 / (n - 1) / n) : 0; }
};

std::string percent(double share) { return fmt::format("{:.4g} %", 100 * share); }

std::string range_text(const std::optional<LengthRange>& range) {
  if (!range) return "not measured";
  if (range->size() < 1) return "no range of lengths does";
  return fmt::format("lengths {} to {}, {}", range->first, range->last, percent(range->share));
}

bool has_tables(const PathsResult& r) { return !r.batches.empty() || !r.sampled.empty(); }

}  // namespace

bool PathsResult::whole() const {
  const std::int64_t trials = options.sample ? options.sampled.trials : 0;
  return static_cast<std::int64_t>(batches.size()) == batch_count() &&
         static_cast<std::int64_t>(sampled.size()) ==
             trials * static_cast<std::int64_t>(options.sampled.lengths.size());
}

SpectrumSummary summarize_spectrum(const PathsResult& r) {
  SpectrumSummary s;
  const std::size_t lengths = at(r.lengths());
  std::vector<Moments> norms(lengths), shares(lengths);
  double images = 0;
  for (const PathsResult::Batch& batch : r.batches) {
    const BatchSpectrum& b = batch.spectrum;
    for (std::size_t n = 0; n < b.whole.size(); ++n) {
      images += 1;
      s.whole += b.whole[n];
      const bool vanished = !(b.whole[n] > 0);
      ++(vanished ? s.vanished : s.images);
      for (std::size_t k = 0; k < lengths; ++k) {
        norms[k].add(b.images.norms[n * lengths + k]);
        if (!vanished) shares[k].add(b.images.shares[n * lengths + k]);
      }
    }
    if (!b.boundaries.norms.empty()) add(s.boundaries, b.boundaries);
    if (!b.weights.norms.empty()) add(s.weights, b.weights);
    if (!b.blocks.norms.empty()) add(s.blocks, b.blocks);
  }
  if (images > 0) s.whole /= images;
  for (LengthTable* table : {&s.boundaries, &s.weights, &s.blocks}) {
    divide(*table, images, static_cast<double>(s.images));
  }
  for (std::size_t k = 0; k < lengths; ++k) {
    s.norms.push_back(norms[k].mean);
    s.norm_errors.push_back(norms[k].error());
    s.shares.push_back(s.images > 0 ? shares[k].mean : NAN);
    s.share_errors.push_back(shares[k].error());
  }
  return s;
}

std::vector<double> counted_shares(const PathsResult& r) {
  const std::vector<SampleSummary> sampled = summarize(r.sampled);
  if (static_cast<std::int64_t>(sampled.size()) != r.n() + 1) return {};
  std::vector<double> shares = path_shares(r.n());
  double sum = 0;
  for (std::size_t k = 0; k < shares.size(); ++k) sum += shares[k] *= sampled[k].mean;
  if (!(sum > 0)) return {};
  for (double& share : shares) share /= sum;
  return shares;
}

Effective effective_lengths(const PathsResult& r, double wanted) {
  Effective found{.wanted = wanted};
  if (!r.batches.empty()) found.exact = smallest_range(summarize_spectrum(r).shares, wanted);
  const std::vector<double> counted = counted_shares(r);
  if (!counted.empty()) found.counted = smallest_range(counted, wanted);
  return found;
}

std::string to_text(const PathsResult& r, double effective) {
  const std::int64_t n = r.n();
  std::string out = fmt::format("{}: paths through {} blocks\n", printable(r.arch), n);
  const std::vector<double> paths = path_shares(n);
  const LengthRange most = smallest_range(paths, 0.95);
  out += fmt::format("paths       2^{}; lengths {} to {} are {} of them\n", n, most.first,
                     most.last, percent(most.share));
  if (n == 54) {
    out += fmt::format(
        "            19 to 35: {:.6f} % (the paper: more than 95 %); 5 to 17: {:.6f} % (the paper: "
        "0.45 %)\n",
        100 * paths_between(54, 19, 35), 100 * paths_between(54, 5, 17));
  }
  const char* bn = r.options.exact.batch_statistics ? "of the batch" : "frozen";
  SpectrumSummary s;
  if (r.options.spectrum) {
    s = summarize_spectrum(r);
    double sum = 0;
    for (const double share : s.shares) sum += share;
    out += fmt::format(
        "spectrum    {} {}, {} images, statistics {}; |gradient| {:.6g}, shares sum to {:.12g}\n",
        printable(r.data), printable(r.split), s.images + s.vanished, bn, s.whole, sum);
    if (s.vanished > 0)
      out += fmt::format("            {} images have no gradient, and no shares\n", s.vanished);
  }
  std::vector<SampleSummary> sampled = summarize(r.sampled);
  if (r.options.sample) {
    out += fmt::format("sampled     {}, {} trials of {} images, statistics {}\n",
                       printable(r.sample_split), r.options.sampled.trials,
                       std::min(r.options.sampled.batch, r.sample_images), bn);
  }
  if (has_tables(r)) {
    out += "length      paths";
    if (r.options.spectrum) out += "           norm          share";
    if (r.options.sample) out += "   sampled norm  +-";
    out += '\n';
  }
  auto sample = sampled.begin();
  for (std::int64_t k = 0; has_tables(r) && k <= n; ++k) {
    out += fmt::format("{:6} {:10.4g}", k, paths[at(k)]);
    if (r.options.spectrum && k < r.lengths()) {
      out += fmt::format(" {:14.6g} {:14.6g}", s.norms[at(k)], s.shares[at(k)]);
    } else if (r.options.spectrum) {
      out += fmt::format(" {:>14} {:>14}", "-", "-");
    }
    if (sample != sampled.end() && sample->length == k) {
      out += fmt::format(" {:14.6g}  {:.2g}", sample->mean, sample->standard_error);
      ++sample;
    }
    out += '\n';
  }
  if (effective > 0) {
    const Effective found = effective_lengths(r, effective);
    out += fmt::format("{} of the gradient, exactly: {}\n", percent(effective),
                       range_text(found.exact));
    out += fmt::format("{} counted as the paper does (paths x sampled norm): {}\n",
                       percent(effective), range_text(found.counted));
  }
  return out;
}

PathsTable main_table(const PathsResult& r) {
  return !r.batches.empty()   ? PathsTable::spectrum
         : !r.sampled.empty() ? PathsTable::sampled
                              : PathsTable::lengths;
}

std::string to_table(const PathsResult& r, PathsTable table) {
  using io::Table;
  const auto demand = [&](bool there, const char* what) {
    if (!there)
      fail(ErrorKind::usage, "the result has no {}; resnet-paths --{} makes it", what, what);
  };
  if (table == PathsTable::lengths) {
    Table out("length", "paths");
    const std::vector<double> paths = path_shares(r.n());
    for (std::size_t k = 0; k < paths.size(); ++k) out.row(k, paths[k]);
    return out.str();
  }
  if (table == PathsTable::sampled) {
    demand(!r.sampled.empty(), "sample");
    Table out("length", "trial", "norm");
    for (const SampledNorm& s : r.sampled) out.row(s.length, s.trial, s.norm);
    return out.str();
  }
  demand(!r.batches.empty(), "spectrum");
  const SpectrumSummary s = summarize_spectrum(r);
  if (table == PathsTable::spectrum) {
    Table out("length", "norm", "share");
    for (std::size_t k = 0; k < s.norms.size(); ++k) out.row(k, s.norms[k], s.shares[k]);
    return out.str();
  }
  if (table == PathsTable::blocks) {
    demand(!s.blocks.norms.empty(), "blocks");
    Table out("block", "stage", "downsampling", "norm", "share");
    for (std::size_t b = 0; b < r.blocks.size(); ++b) {
      out.row(r.blocks[b].name, r.blocks[b].stage, r.blocks[b].downsamples, s.blocks.norms[b],
              s.blocks.shares[b]);
    }
    return out.str();
  }
  const bool weights = table == PathsTable::weights;
  const LengthTable& cells = weights ? s.weights : s.boundaries;
  demand(!cells.norms.empty(), weights ? "weights" : "boundaries");
  Table out(weights ? "block" : "boundary", "length", "norm", "share");
  for (std::int64_t row = 0; row < cells.rows; ++row) {
    for (std::int64_t k = 0; k < cells.lengths; ++k) {
      if (k > r.n() - row - (weights ? 1 : 0)) break;  // no such path
      const std::string name = weights ? r.blocks[at(row)].name : fmt::format("{}", row);
      const std::size_t cell = at(row * cells.lengths + k);
      out.row(name, k, cells.norms[cell], cells.shares[cell]);
    }
  }
  return out.str();
}

io::Json to_json(const PathsResult& r, double effective) {
  io::Json json;
  json.add("arch", r.arch).add("blocks", r.n()).add("precision", r.precision);
  json.add("bn", r.options.exact.batch_statistics ? "batch" : "frozen");
  json.add("paths", path_shares(r.n()));
  if (r.n() == 54) {
    json.add("paths_19_35", paths_between(54, 19, 35)).add("paths_5_17", paths_between(54, 5, 17));
  }
  if (r.options.spectrum) {
    const SpectrumSummary s = summarize_spectrum(r);
    json.add("data", r.data).add("split", r.split).add("count", s.images + s.vanished);
    json.add("vanished", s.vanished).add("whole", s.whole).add("norm", s.norms);
    json.add("share", s.shares).add("norm_error", s.norm_errors);
    json.add("share_error", s.share_errors);
    if (!s.blocks.norms.empty()) json.add("block_share", s.blocks.shares);
  }
  if (r.options.sample) {
    std::vector<std::int64_t> lengths;
    std::vector<double> mean, error, first, median, third;
    for (const SampleSummary& s : summarize(r.sampled)) {
      lengths.push_back(s.length);
      mean.push_back(s.mean);
      error.push_back(s.standard_error);
      first.push_back(s.first);
      median.push_back(s.median);
      third.push_back(s.third);
    }
    json.add("sample_split", r.sample_split).add("trials", r.options.sampled.trials);
    json.add("sampled_length", lengths).add("sampled_norm", mean).add("sampled_error", error);
    json.add("sampled_first", first).add("sampled_median", median).add("sampled_third", third);
    const std::vector<double> counted = counted_shares(r);
    if (!counted.empty()) json.add("counted_share", counted);
  }
  if (effective > 0) {
    const Effective found = effective_lengths(r, effective);
    json.add("effective", effective);
    for (const auto& [name, range] : {std::pair{"effective_exact", found.exact},
                                      std::pair{"effective_counted", found.counted}}) {
      if (!range || range->size() < 1) {
        json.null(name);
      } else {
        json.add(name, io::Json()
                           .add("first", range->first)
                           .add("last", range->last)
                           .add("share", range->share));
      }
    }
  }
  return json;
}

}  // namespace rn::study
