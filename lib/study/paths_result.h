// What resnet-paths finds: how many paths there are of each length, gradients along sampled ones,
// and the exact gradient by length. Written as a result file (docs/man/resnet-h5.5, kind "paths"),
// of the whole study or of one shard of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/shard.h"
#include "io/h5.h"
#include "io/json.h"
#include "io/provenance.h"
#include "study/path_lengths.h"
#include "study/sampled_paths.h"
#include "study/spectrum.h"
#include "study/study_block.h"

namespace rn::study {

struct PathsOptions {
  bool spectrum = false, sample = false;  // neither: only the lengths, no gradients
  SpectrumOptions exact = {};             // of the spectrum; `slice` is no part of the study
  SampleOptions sampled = {};
  std::int64_t batch = 128;  // images of a batch of the spectrum
  std::uint64_t seed = 1;
};

struct PathsResult {
  PathsOptions options;
  std::string arch, model_digest, precision = "fp32";
  std::string data, data_digest, split;     // of the spectrum
  std::string sample_digest, sample_split;  // of the sampled paths
  std::int64_t images = 0;                  // of the spectrum
  std::int64_t sample_images = 0;           // that trials draw from
  Shard shard;                              // batches and trials index, index + count, ...
  std::vector<StudyBlock> blocks;

  struct Batch {
    std::int64_t index = 0;  // images index * options.batch, ...
    BatchSpectrum spectrum;
  };
  std::vector<Batch> batches;        // by index
  std::vector<SampledNorm> sampled;  // by trial, then as the options' lengths

  std::int64_t n() const { return static_cast<std::int64_t>(blocks.size()); }
  std::int64_t lengths() const { return options.exact.longest(n()) + 1; }
  std::int64_t batch_count() const {
    return options.spectrum ? (images + options.batch - 1) / options.batch : 0;
  }
  std::int64_t batch_size(std::int64_t index) const {
    return std::min(options.batch, images - index * options.batch);
  }
  bool whole() const;
};

// Means over images, by length.
struct SpectrumSummary {
  std::int64_t images = 0;    // with a gradient; the others have no shares
  std::int64_t vanished = 0;  // without
  std::vector<double> norms, norm_errors, shares, share_errors;  // and standard errors
  double whole = 0;                                              // norm of the whole gradient
  // [rows, lengths] row-major: boundaries, blocks' weights, blocks' branches; empty if not asked
  // for
  LengthTable boundaries, weights, blocks;
};
SpectrumSummary summarize_spectrum(const PathsResult& result);

// The share of each length as the paper counts: number of paths x mean norm of the sampled ones,
// over their sum (papers' Fig 6c): blind to cancellation. Empty unless every length was sampled.
std::vector<double> counted_shares(const PathsResult& result);

// Lengths that carry `share` of the gradient, exactly and as the paper counts.
struct Effective {
  double wanted = 0;
  std::optional<LengthRange> exact, counted;
};
Effective effective_lengths(const PathsResult& result, double wanted);

// With `paths` false, where the data are is left out (io::without_path).
io::H5 to_h5(const PathsResult& result, bool paths = true);
// Errors (input): another kind of file, damaged.
PathsResult read_paths(const io::H5& file);
// Several shards as one. Errors (input): of different studies, twice, missing.
PathsResult merge(std::vector<PathsResult> shards, const std::vector<std::string>& names);
// The same from their files; says in `inputs` what was read.
PathsResult merge_paths(const std::vector<std::string>& paths,
                        std::vector<io::Provenance::Input>& inputs);
bool same_study(const PathsResult& a, const PathsResult& b);  // but for the shard

// For the reader; `effective`: 0 or a share.
std::string to_text(const PathsResult& result, double effective);
enum class PathsTable { lengths, sampled, spectrum, boundaries, weights, blocks };
std::string to_table(const PathsResult& result, PathsTable table);  // TSV with a header row
PathsTable main_table(const PathsResult& result);                   // the spectrum, if it is there
io::Json to_json(const PathsResult& result, double effective);

}  // namespace rn::study
