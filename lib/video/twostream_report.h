// What evaluation and prediction of two-stream networks say, and what they write.
#pragma once

#include <string>
#include <vector>

#include "video/twostream_model.h"

namespace rn::video {

// `json` with the clips that were skipped, and why.
io::Json skipped_json(const std::vector<Skipped>& skipped, io::Json json);

// The lines that eval prints, and its JSON.
std::string text_of(const TwoStreamModel& model, const ClipStore& store, const ClipScores& scores,
                    const TwoStreamEval& run);
io::Json json_of(const train::Evaluated& done, const ClipScores& scores, const TwoStreamEval& run,
                 const TwoStreamModel& model);

// Errors, before any work: usage (outputs that exist, tables of other kinds than .csv and .tsv).
void check_outputs(const TwoStreamEval& run);

// run.output, a result file of kind "evaluation". Errors: failed.
void write_result(const TwoStreamEval& run, const TwoStreamModel& model, const ClipStore& store,
                  const ClipScores& scores, const train::Evaluated& done);

// run.table, clip by clip: name, predictions, the scores of all classes, and what is known of
// labels. Nothing where there is none. Errors: failed.
void write_table(const TwoStreamEval& run, const TwoStreamModel& model, const ClipStore& store,
                 const ClipScores& scores, bool labelled);

// What --dry-run says: that one would `what` on these clips.
void tell_plan(const TwoStreamModel& model, const ClipStore& store, const char* what,
               TwoStreamReport& report);

}  // namespace rn::video
