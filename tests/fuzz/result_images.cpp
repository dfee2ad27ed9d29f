#include "fuzz/result_images.h"

#include <cmath>
#include <limits>

namespace rn::fuzz {
namespace {

constexpr std::int64_t images = 4, batch = 2;

std::vector<study::StudyBlock> shared_blocks(const models::NetworkSpec& spec) {
  std::vector<study::StudyBlock> blocks;
  for (const auto& b : spec.blocks) blocks.push_back({b.name, b.stage(), b.downsamples(), true});
  return blocks;
}

// Numbers that are no two alike.
study::LengthTable table(std::int64_t rows, std::int64_t columns, double from) {
  study::LengthTable t;
  t.assign(rows, columns);
  for (std::size_t i = 0; i < t.norms.size(); ++i) {
    t.norms[i] = from + static_cast<double>(i);
    t.shares[i] = 1 / (from + static_cast<double>(i));
  }
  return t;
}

// One element of a data set, or one scalar attribute, becomes a number that is hard to bear.
void change_element(Choices& choices, hid_t file) {
  static constexpr double reals[] = {0, -1, 1e308, -1e-320, 1e18, 0.5, NAN, INFINITY, -INFINITY};
  static constexpr std::int64_t whole[] = {0,
                                           1,
                                           2,
                                           3,
                                           -1,
                                           100,
                                           100000,
                                           1 << 30,
                                           std::int64_t{1} << 31,
                                           std::int64_t{1} << 53,
                                           std::numeric_limits<std::int64_t>::max(),
                                           std::numeric_limits<std::int64_t>::min()};
  const std::string path = walk(choices, file);
  const hid_t object = H5Oopen(file, path.c_str(), H5P_DEFAULT);
  if (object < 0) return;
  const bool set = H5Iget_type(object) == H5I_DATASET;
  const hsize_t attributes = count_attributes(object);
  const hid_t opened = set || attributes == 0
                           ? -1
                           : H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC,
                                            choices.below(attributes), H5P_DEFAULT, H5P_DEFAULT);
  if (set || opened >= 0) {
    const hid_t type = set ? H5Dget_type(object) : H5Aget_type(opened);
    const hid_t space = set ? H5Dget_space(object) : H5Aget_space(opened);
    const H5T_class_t kind = H5Tget_class(type);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count > 0 && count <= 4096 && (kind == H5T_INTEGER || kind == H5T_FLOAT)) {
      const auto at = choices.below(static_cast<std::size_t>(count));
      const auto change = [&](auto value, hid_t memory) {
        std::vector<decltype(value)> values(static_cast<std::size_t>(count));
        set ? H5Dread(object, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data())
            : H5Aread(opened, memory, values.data());
        values[at] = value;
        set ? H5Dwrite(object, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data())
            : H5Awrite(opened, memory, values.data());
      };
      if (kind == H5T_FLOAT) {
        change(choices.of(reals), H5T_NATIVE_DOUBLE);
      } else {
        change(choices.of(whole), H5T_NATIVE_INT64);
      }
    }
    H5Sclose(space), H5Tclose(type);
  }
  if (opened >= 0) H5Aclose(opened);
  H5Oclose(object);
}

}  // namespace

study::LesionResult lesion_result(study::Study kind, study::Shard shard) {
  const models::NetworkSpec spec = small_network(3);
  study::LesionResult r;
  r.options.study = kind;
  r.options.trials = kind == study::Study::delete_each || kind == study::Study::pairs ? 1 : 2;
  r.options.ks = {1, 2};
  r.arch = spec.arch;
  r.model_digest = "aa";
  r.data = "synth:shapes";
  r.data_digest = "bb";
  r.split = "test";
  r.images = r.done = 100;
  r.class_names = {"a", "b"};
  r.blocks = shared_blocks(spec);
  r.shard = shard;
  const std::vector<study::Lesion> lesions = study::lesions_of(spec, r.options);
  r.total = static_cast<std::int64_t>(lesions.size());
  for (std::int64_t i = 0; i < r.total; ++i) {
    if (i > 0 && i % shard.count != shard.index) continue;
    r.index.push_back(i);
    r.lesions.push_back(lesions[static_cast<std::size_t>(i)]);
    study::Tally tally;
    tally.count = 100;
    tally.errors = 10 + i;
    tally.class_errors = {tally.errors, 0};
    r.tallies.push_back(tally);
  }
  return r;
}

study::PathsResult paths_result(study::Shard shard) {
  study::PathsResult r;
  r.blocks = shared_blocks(small_network(3));
  r.arch = "small";
  r.model_digest = "aa";
  r.data = "synth:shapes";
  r.data_digest = r.sample_digest = "bb";
  r.split = "test";
  r.sample_split = "train";
  r.images = images;
  r.sample_images = 10;
  r.shard = shard;
  r.options.spectrum = r.options.sample = true;
  r.options.batch = batch;
  study::SpectrumOptions& exact = r.options.exact;
  exact.boundaries = exact.weights = exact.blocks = true;
  const std::int64_t n = r.n(), lengths = n + 1;
  for (std::int64_t index = shard.index; index < r.batch_count(); index += shard.count) {
    study::BatchSpectrum s;
    s.whole = {1, 2};
    s.images = table(batch, lengths, 2);
    s.boundaries = table(n + 1, lengths, 3);
    s.weights = table(n, lengths, 4);
    s.blocks = table(1, n, 5);
    r.batches.push_back({index, s});
  }
  study::SampleOptions& sampled = r.options.sampled;
  sampled.trials = 2;
  sampled.batch = 2;
  sampled.boundaries = true;
  for (std::int64_t k = 0; k < lengths; ++k) sampled.lengths.push_back(k);
  for (std::int64_t trial = shard.index; trial < sampled.trials; trial += shard.count) {
    for (const std::int64_t k : sampled.lengths) {
      r.sampled.push_back({k, trial, 1 / static_cast<double>(k + 1), {1, 2, 3, 4}});
    }
  }
  return r;
}

const std::vector<io::Bytes>& result_images() {
  static const std::vector<io::Bytes> all = [] {
    std::vector<io::Bytes> made;
    for (const study::Shard shard : {study::Shard{0, 1}, study::Shard{1, 2}}) {
      made.push_back(study::to_h5(paths_result(shard)).image());
      using study::Study;
      for (const Study kind : {Study::delete_each, Study::delete_random, Study::shuffle,
                               Study::shapley, Study::pairs}) {
        made.push_back(study::to_h5(lesion_result(kind, shard)).image());
      }
    }
    for (std::size_t i = 0, newer = made.size(); i < newer; ++i) {
      made.push_back(in_old_layout(made[i]));
    }
    return made;
  }();
  return all;
}

io::Bytes hostile_result(Choices& choices) {
  const std::vector<io::Bytes>& starts = result_images();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  io::Bytes image;
  {
    const File file(starts[choices.below(starts.size())]);
    for (int i = 0; i < 12 && !choices.done(); ++i) {
      choices.one_in(3) ? stroke(choices, file.id) : change_element(choices, file.id);
    }
    image = file.image();
  }
  H5Eclear2(H5E_DEFAULT);
  return image;
}

}  // namespace rn::fuzz
