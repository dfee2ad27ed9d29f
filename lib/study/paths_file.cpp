// Results of resnet-paths as HDF5.
#include <algorithm>
#include <cmath>

#include "io/provenance.h"
#include "study/paths_result.h"
#include "study/result_file.h"

namespace rn::study {
namespace {

using rn::to_string;

constexpr const char* kind = "paths";
constexpr const char* study = "study";
constexpr std::int64_t most_images = std::int64_t{1} << 31;

void append(std::vector<double>& to, const std::vector<double>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Tables that each batch has sums of, and their rows and columns in a network of n blocks.
struct Part {
  const char* name;
  bool SpectrumOptions::*asked;
  LengthTable BatchSpectrum::*table;
  std::int64_t rows, columns;
};
std::vector<Part> parts_of(const PathsResult& r) {
  const std::int64_t n = r.n(), lengths = r.lengths();
  return {{"boundary", &SpectrumOptions::boundaries, &BatchSpectrum::boundaries, n + 1, lengths},
          {"weight", &SpectrumOptions::weights, &BatchSpectrum::weights, n, lengths},
          {"block", &SpectrumOptions::blocks, &BatchSpectrum::blocks, 1, n}};
}

void write_spectrum(io::H5& file, const PathsResult& r) {
  std::vector<double> whole, norms, shares;
  for (const auto& batch : r.batches) {
    append(whole, batch.spectrum.whole);
    append(norms, batch.spectrum.images.norms);
    append(shares, batch.spectrum.images.shares);
  }
  const auto images = static_cast<std::int64_t>(whole.size()), lengths = r.lengths(),
             count = static_cast<std::int64_t>(r.batches.size());
  file.write_column("batches/index",
                    column<std::int64_t>(r.batches, [](const auto& b) { return b.index; }));
  file.write_column("images/whole", whole);
  file.write("images/norm", tensor_of(norms, {images, lengths}));
  file.write("images/share", tensor_of(shares, {images, lengths}));
  for (const Part& part : parts_of(r)) {
    if (!(r.options.exact.*part.asked)) continue;
    std::vector<double> part_norms, part_shares;
    for (const auto& batch : r.batches) {
      append(part_norms, (batch.spectrum.*part.table).norms);
      append(part_shares, (batch.spectrum.*part.table).shares);
    }
    const Shape shape{count, part.rows, part.columns};
    file.write(fmt::format("batches/{}_norm", part.name), tensor_of(part_norms, shape));
    file.write(fmt::format("batches/{}_share", part.name), tensor_of(part_shares, shape));
  }
  if (!r.whole()) return;
  // What follows from it, for readers of the file.
  const SpectrumSummary s = summarize_spectrum(r);
  std::vector<std::int64_t> length;
  for (std::int64_t k = 0; k < lengths; ++k) length.push_back(k);
  file.write_column("spectrum/length", length);
  file.write_column("spectrum/norm", s.norms);
  file.write_column("spectrum/norm_error", s.norm_errors);
  file.write_column("spectrum/share", s.shares);
  file.write_column("spectrum/share_error", s.share_errors);
  const auto table = [&](const char* name, const LengthTable& t) {
    if (t.norms.empty()) return;
    const Shape shape = t.rows == 1 ? Shape{t.lengths} : Shape{t.rows, t.lengths};
    file.write(std::string(name) + "/norm", tensor_of(t.norms, shape));
    file.write(std::string(name) + "/share", tensor_of(t.shares, shape));
  };
  table("boundaries", s.boundaries);
  table("weights", s.weights);
  table("branches", s.blocks);
}

void write_sampled(io::H5& file, const PathsResult& r) {
  file.write_column("sampled/at", r.options.sampled.lengths);
  file.write_column("sampled/length",
                    column<std::int64_t>(r.sampled, [](const auto& s) { return s.length; }));
  file.write_column("sampled/trial",
                    column<std::int64_t>(r.sampled, [](const auto& s) { return s.trial; }));
  file.write_column("sampled/norm",
                    column<double>(r.sampled, [](const auto& s) { return s.norm; }));
  if (r.options.sampled.boundaries) {
    std::vector<double> norms;
    for (const SampledNorm& s : r.sampled) append(norms, s.boundaries);
    file.write("sampled/boundary_norm",
               tensor_of(norms, {static_cast<std::int64_t>(r.sampled.size()), r.n() + 1}));
  }
  if (!r.whole()) return;
  const std::vector<SampleSummary> summary = summarize(r.sampled);
  const auto real = [&](const char* name, double SampleSummary::*value) {
    file.write_column(std::string("sampled_by_length/") + name,
                      column<double>(summary, [&](const SampleSummary& s) { return s.*value; }));
  };
  file.write_column("sampled_by_length/length",
                    column<std::int64_t>(summary, [](const auto& s) { return s.length; }));
  file.write_column("sampled_by_length/trials",
                    column<std::int64_t>(summary, [](const auto& s) { return s.trials; }));
  real("mean", &SampleSummary::mean);
  real("standard_error", &SampleSummary::standard_error);
  real("first_quartile", &SampleSummary::first);
  real("median", &SampleSummary::median);
  real("third_quartile", &SampleSummary::third);
  const std::vector<double> counted = counted_shares(r);
  if (!counted.empty()) file.write_column("sampled_by_length/counted_share", counted);
}

std::vector<double> piece(const std::vector<double>& from, std::int64_t begin, std::int64_t size) {
  return {from.begin() + begin, from.begin() + begin + size};
}

void read_spectrum(const io::H5& file, const ResultReader& in, PathsResult& r) {
  const std::int64_t lengths = r.lengths();
  std::int64_t images = 0, before = -1;
  for (const std::int64_t index : in.within("batches/index", 0, r.batch_count() - 1)) {
    if (index <= before) fail(ErrorKind::input, "{}: batches out of order", file.name());
    before = index;
    images += r.batch_size(index);
    r.batches.push_back({index, {}});
  }
  const auto whole = in.norms("images/whole", {images}),
             norms = in.norms("images/norm", {images, lengths}),
             shares = in.values("images/share", {images, lengths});
  std::int64_t at = 0;
  for (auto& batch : r.batches) {
    const std::int64_t size = r.batch_size(batch.index);
    batch.spectrum.whole = piece(whole, at, size);
    batch.spectrum.images = {size, lengths, piece(norms, at * lengths, size * lengths),
                             piece(shares, at * lengths, size * lengths)};
    at += size;
  }
  for (const Part& part : parts_of(r)) {
    if (!(r.options.exact.*part.asked)) continue;
    const auto count = static_cast<std::int64_t>(r.batches.size());
    const Shape shape{count, part.rows, part.columns};
    const auto part_norms = in.norms(fmt::format("batches/{}_norm", part.name), shape),
               part_shares = in.values(fmt::format("batches/{}_share", part.name), shape);
    const std::int64_t cells = part.rows * part.columns;
    for (std::int64_t b = 0; b < count; ++b) {
      r.batches[static_cast<std::size_t>(b)].spectrum.*
          part.table = {part.rows, part.columns, piece(part_norms, b * cells, cells),
                        piece(part_shares, b * cells, cells)};
    }
  }
}

void read_sampled(const io::H5& file, const ResultReader& in, PathsResult& r) {
  SampleOptions& o = r.options.sampled;
  o.lengths = in.within("sampled/at", 0, r.n());
  if (o.lengths.empty() || !std::is_sorted(o.lengths.begin(), o.lengths.end()) ||
      std::adjacent_find(o.lengths.begin(), o.lengths.end()) != o.lengths.end()) {
    fail(ErrorKind::input, "{}: sampled/at is no list of lengths", file.name());
  }
  const auto length = in.within("sampled/length", 0, r.n());
  const auto trial = in.ints("sampled/trial", length.size());
  const auto rows = static_cast<std::int64_t>(length.size());
  const auto norm = in.norms("sampled/norm", {rows});
  const std::int64_t n = r.n() + 1;
  const auto boundaries =
      o.boundaries ? in.norms("sampled/boundary_norm", {rows, n}) : std::vector<double>();
  for (std::size_t i = 0; i < length.size(); ++i) {
    // Whole trials, in order, each with all lengths.
    const std::size_t each = o.lengths.size(), within = i % each;
    const bool follows =
        i == 0 || (within == 0 ? trial[i] > trial[i - 1] : trial[i] == trial[i - 1]);
    const bool asked = trial[i] >= 0 && trial[i] < o.trials && length[i] == o.lengths[within];
    if (!asked || !follows || length.size() % each != 0) {
      fail(ErrorKind::input, "{}: row {} of sampled is out of place", file.name(), i);
    }
    r.sampled.push_back({length[i], trial[i], norm[i], {}});
    if (o.boundaries) {
      r.sampled.back().boundaries = piece(boundaries, static_cast<std::int64_t>(i) * n, n);
    }
  }
}

}  // namespace

io::H5 to_h5(const PathsResult& r, bool paths) {
  io::H5 file = start_result(kind);
  file.set("/", "arch", r.arch);
  const PathsOptions& o = r.options;
  const auto flag = [&](const char* name, bool value) {
    file.set(study, name, std::int64_t{value});
  };
  flag("spectrum", o.spectrum);
  flag("sample", o.sample);
  file.set(study, "model_sha256", r.model_digest);
  file.set(study, "precision", r.precision);
  file.set(study, "statistics", o.exact.batch_statistics ? "batch" : "frozen");
  file.set(study, "loss", "cross-entropy, summed over images");
  file.set(study, "seed", static_cast<std::int64_t>(o.seed));
  file.set(study, "shard", r.shard.index);
  file.set(study, "shards", r.shard.count);
  file.set(study, "data", paths ? r.data : io::without_path(r.data));
  if (any_shares_preactivation(r.blocks)) {
    file.set(study, "shared_preactivation", "belongs to the shortcut and to the branch");
  }
  if (o.spectrum) {
    file.set(study, "data_sha256", r.data_digest);
    file.set(study, "split", r.split);
    file.set(study, "images", r.images);
    file.set(study, "batch", o.batch);
    file.set(study, "max_length", r.lengths() - 1);
    flag("boundaries", o.exact.boundaries);
    flag("weights", o.exact.weights);
    flag("branches", o.exact.blocks);
  }
  if (o.sample) {
    file.set(study, "sample_sha256", r.sample_digest);
    file.set(study, "sample_split", r.sample_split);
    file.set(study, "sample_images", r.sample_images);
    file.set(study, "sample_batch", o.sampled.batch);
    file.set(study, "trials", o.sampled.trials);
    flag("sample_boundaries", o.sampled.boundaries);
  }
  write_blocks(file, r.blocks);
  std::vector<std::int64_t> length;
  for (std::int64_t k = 0; k <= r.n(); ++k) length.push_back(k);
  file.write_column("lengths/length", length);
  file.write_column("lengths/paths", path_shares(r.n()));
  if (o.spectrum) write_spectrum(file, r);
  if (o.sample) write_sampled(file, r);
  return file;
}

PathsResult read_paths(const io::H5& file) {
  check_kind(file, kind, "resnet-paths");
  const ResultReader in(file);
  PathsResult r;
  PathsOptions& o = r.options;
  r.arch = file.get_string("/", "arch");
  r.blocks = read_blocks(file);
  o.spectrum = in.flag("spectrum");
  o.sample = in.flag("sample");
  r.model_digest = file.get_string(study, "model_sha256");
  r.precision = file.get_string(study, "precision");
  const std::string statistics = file.get_string(study, "statistics");
  if (statistics != "batch" && statistics != "frozen") {
    fail(ErrorKind::input, "{}: statistics are '{}'; expected batch or frozen", file.name(),
         statistics);
  }
  o.exact.batch_statistics = o.sampled.batch_statistics = statistics == "batch";
  o.seed = o.sampled.seed = static_cast<std::uint64_t>(file.get_int(study, "seed"));
  r.shard.count = in.number("shards", 1, most_shards);
  r.shard.index = in.number("shard", 0, r.shard.count - 1);
  r.data = file.get_string(study, "data");
  if (o.spectrum) {
    r.data_digest = file.get_string(study, "data_sha256");
    r.split = file.get_string(study, "split");
    r.images = in.number("images", 1, most_images);
    o.batch = in.number("batch", 1, most_images);
    o.exact.max_length = in.number("max_length", 0, r.n());
    o.exact.boundaries = in.flag("boundaries");
    o.exact.weights = in.flag("weights");
    o.exact.blocks = in.flag("branches");
    read_spectrum(file, in, r);
  }
  if (o.sample) {
    r.sample_digest = file.get_string(study, "sample_sha256");
    r.sample_split = file.get_string(study, "sample_split");
    r.sample_images = in.number("sample_images", 1, most_images);
    o.sampled.batch = in.number("sample_batch", 1, most_images);
    o.sampled.trials = in.number("trials", 1, most_images);
    o.sampled.boundaries = in.flag("sample_boundaries");
    read_sampled(file, in, r);
  }
  return r;
}

}  // namespace rn::study
