// One clip, and its flow: what video-flow does with each (flow_run.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "video/flow_run.h"

namespace rn::video {

class FlowMaker {
 public:
  explicit FlowMaker(const FlowRun& run) : run_(run) {}

  // All but the size of flow of these files, which is told by its first. Errors: input.
  FlowHead head_of(const std::string& path, const std::vector<std::string>& sources) const;

  // Fills in the size and the number of fields; false when it was stopped. Errors (input): fewer
  // than two pictures.
  bool count(const std::string& path, FlowHead& head);

  // An output that is there and may stay. Errors (usage): another kind of file, other options, flow
  // of another clip: in a set, whose files are called as their clips, that has changed since.
  bool up_to_date(const std::string& path, const FlowHead& wanted, bool in_set) const;

  // Everything but the writing; nothing when it was stopped. Errors: input, failed.
  std::optional<FlowFile> compute(const std::string& path, const FlowHead& head);

  // With its provenance, at once. Errors: failed.
  void save(FlowFile& flow, const std::string& path, const std::vector<std::string>& sources) const;

  bool stopped();                                  // asks run.stop
  bool was_stopped() const { return stopped_; }    // as it was asked last
  std::int64_t fields() const { return fields_; }  // that were computed

 private:
  const FlowRun& run_;
  std::int64_t fields_ = 0;
  bool stopped_ = false;
};

// tv_l1_flow of CPU tensors, computed on `device`.
void flow_on(Device device, const ops::TvL1& method, const Tensor& from, const Tensor& to,
             const Tensor& flow);

}  // namespace rn::video
