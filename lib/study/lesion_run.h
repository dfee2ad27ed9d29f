// A lesion study from model file to result file: the doing of resnet-lesion.
#pragma once

#include "study/lesion_result.h"
#include "study/study_run.h"

namespace rn::study {

struct LesionRun : StudyRun {
  LesionOptions options = {};
  std::int64_t recalibrate = 0;  // estimate the statistics again from so many training images
};

struct LesionOutcome : StudyOutcome {
  LesionResult result;
};

// Errors: usage (options, names, an output that exists), input (model, data, a checkpoint of
// another study), failed.
LesionOutcome run_lesions(const LesionRun& run);

}  // namespace rn::study
