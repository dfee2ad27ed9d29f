#include "study/lesion_studies.h"

#include <algorithm>

#include "base/error.h"
#include "study/result_file.h"

namespace rn::study {
namespace {

bool same_study(const LesionResult& a, const LesionResult& b) {
  return a.shard.count > 1 && a.shard.count == b.shard.count && a.total == b.total &&
         a.options.study == b.options.study && a.options.seed == b.options.seed &&
         a.options.trials == b.options.trials && a.options.sigma == b.options.sigma &&
         a.model_digest == b.model_digest && a.data_digest == b.data_digest && a.split == b.split &&
         a.images == b.images && a.precision == b.precision && a.recalibrated == b.recalibrated;
}

void demand_finished(const LesionResult& part, const std::string& name) {
  if (part.done < part.images) {
    fail(ErrorKind::input, "{}: is not finished: {} of {} images; resnet-lesion --resume goes on",
         name, part.done, part.images);
  }
}

void demand_whole(const LesionResult& result, const std::string& name) {
  const Shard& shard = result.shard;
  if (shard.count > 1) {
    fail(ErrorKind::input, "{}: is shard {}/{} of a study; the other {} missing", name,
         shard.index + 1, shard.count,
         shard.count == 2 ? "one is" : fmt::format("{} are", shard.count - 1));
  }
  if (!result.whole()) {
    fail(ErrorKind::input, "{}: holds {} of {} lesions; damaged?", name, result.lesions.size(),
         result.total);
  }
}

}  // namespace

std::vector<NamedStudy> studies_of(std::vector<LesionResult> parts,
                                   const std::vector<std::string>& names) {
  require(parts.size() == names.size(), "studies_of: {} results, {} names", parts.size(),
          names.size());
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    demand_finished(parts[i], names[i]);
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& members) {
      return same_study(parts[members.front()], parts[i]);
    });
    if (group == groups.end()) {
      groups.push_back({i});
    } else {
      group->push_back(i);
    }
  }
  std::vector<NamedStudy> studies;
  for (const auto& members : groups) {
    NamedStudy study;
    std::vector<LesionResult> shards;
    for (const std::size_t i : members) {
      shards.push_back(std::move(parts[i]));
      study.files.push_back(names[i]);
    }
    study.result = merge(std::move(shards), study.files);
    demand_whole(study.result, study.files.front());
    studies.push_back(std::move(study));
  }
  return studies;
}

LesionResult merge_files(const std::vector<std::string>& paths,
                         std::vector<io::Provenance::Input>& inputs) {
  std::vector<LesionResult> parts =
      read_parts(paths, inputs, [](const io::H5& file) { return read_lesions(file); });
  for (std::size_t i = 0; i < parts.size(); ++i) demand_finished(parts[i], paths[i]);
  LesionResult all = merge(std::move(parts), paths);
  demand_whole(all, paths.front());
  return all;
}

}  // namespace rn::study
