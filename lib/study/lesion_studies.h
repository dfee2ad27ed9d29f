// Which of several lesion files are shards of one study, and which are studies of their own.
#pragma once

#include <string>
#include <vector>

#include "io/provenance.h"
#include "study/lesion_result.h"

namespace rn::study {

struct NamedStudy {
  LesionResult result;             // whole
  std::vector<std::string> files;  // what it was read from
};

// In the order of each study's first file. Errors (input): a study that is not finished, shards
// that are missing (named), given twice, or that contradict each other.
std::vector<NamedStudy> studies_of(std::vector<LesionResult> parts,
                                   const std::vector<std::string>& names);

// The shards of one study as one; says in `inputs` what was read. Errors (input): those of merge(),
// a study that is not finished, a single shard of several.
LesionResult merge_files(const std::vector<std::string>& paths,
                         std::vector<io::Provenance::Input>& inputs);

}  // namespace rn::study
