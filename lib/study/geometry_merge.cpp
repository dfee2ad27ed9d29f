// Shards of a study of a classifier's metric put together.
#include <algorithm>

#include "study/geometry_result.h"
#include "study/result_file.h"

namespace rn::study {

GeometryResult merge(std::vector<GeometryResult> shards, const std::vector<std::string>& names) {
  require(!shards.empty() && shards.size() == names.size(), "merge: {} shards, {} names",
          shards.size(), names.size());
  const GeometryResult& first = shards.front();
  GivenShards given(first.shard.count);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const GeometryResult& part = shards[i];
    if (part.ck || part.model_digest != first.model_digest ||
        part.data_digest != first.data_digest || part.split != first.split ||
        part.precision != first.precision || part.images != first.images ||
        part.options.output != first.options.output || part.options.floor != first.options.floor ||
        part.shard.count != first.shard.count || part.boundaries != first.boundaries) {
      fail(ErrorKind::input, "{} and {} do not belong together: another study, model or data",
           names.front(), names[i]);
    }
    given.add(part.shard, names[i]);
  }
  given.demand_all(names.front());
  std::int64_t rows = 0;
  for (const GeometryResult& part : shards) rows += static_cast<std::int64_t>(part.index.size());
  if (rows != first.images) {
    fail(ErrorKind::input, "{}: the shards have {} images of {}", names.front(), rows,
         first.images);
  }
  // Every image by its place in the study: shard i has i, i + count, ...
  GeometryResult all = first;
  all.shard = {};
  const std::int64_t count = first.shard.count, b = first.spectra.boundaries,
                     c = first.spectra.classes, n = first.images;
  all.spectra.start(n, b, c);
  for (std::vector<std::int64_t>* list : {&all.index, &all.labels, &all.answers}) {
    list->assign(static_cast<std::size_t>(n), 0);
  }
  for (const GeometryResult& part : shards) {
    for (std::size_t row = 0; row < part.index.size(); ++row) {
      const auto from = static_cast<std::int64_t>(row);
      const std::int64_t to = part.shard.index + from * count;
      if (to >= n) fail(ErrorKind::input, "{}: too many images", names.front());
      const auto place = static_cast<std::size_t>(to);
      all.index[place] = part.index[row];
      all.labels[place] = part.labels[row];
      all.answers[place] = part.answers[row];
      all.spectra.confidence[place] = part.spectra.confidence[row];
      const auto copy = [&](const auto& source, auto& target, std::int64_t size) {
        std::copy_n(source.begin() + from * size, size, target.begin() + to * size);
      };
      copy(part.spectra.eigenvalues, all.spectra.eigenvalues, b * c);
      copy(part.spectra.trace, all.spectra.trace, b);
      copy(part.spectra.effective_rank, all.spectra.effective_rank, b);
      copy(part.spectra.log_volume, all.spectra.log_volume, b);
      copy(part.spectra.rank, all.spectra.rank, b);
    }
  }
  all.spectra.answer = all.answers;
  return all;
}

GeometryResult merge_geometry(const std::vector<std::string>& paths,
                              std::vector<io::Provenance::Input>& inputs) {
  return merge(read_parts(paths, inputs, read_geometry), paths);
}

}  // namespace rn::study
