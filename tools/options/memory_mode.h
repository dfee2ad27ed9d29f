// What training keeps for its backward passes, and the sizes of networks that take any.
#pragma once

#include <string>
#include <vector>

#include "cli/run_tool.h"
#include "train/options.h"

namespace rn::tools {

struct MemoryTool {
  std::string activations = "stored", stream = "float";
  std::vector<std::int64_t> units, widths;
};

// The option's value as the parser takes it, or its complaint.
template <class Parse>
CLI::Validator accepted(Parse parse) {
  return CLI::Validator(
      [parse](std::string& text) -> std::string {
        try {
          train::MemoryMode mode;
          parse(text, mode);
          return {};
        } catch (const Error& error) {
          return error.what();
        }
      },
      "");
}

inline void bind_sizes(CLI::App& app, MemoryTool& o) {
  app.add_option("--units", o.units, "Blocks of each stage, of revnets and gomez-resnets: 3,3,3")
      ->type_name("INT")
      ->delimiter(',')
      ->check(cli::whole(1, 3000));
  app.add_option("--widths", o.widths, "Their channels, of the stem and each stage: 32,32,64,112")
      ->type_name("INT")
      ->delimiter(',')
      ->check(cli::whole(1, 16384));
}

inline void bind_memory(CLI::App& app, MemoryTool& o) {
  app.add_option("--activations", o.activations,
                 "For the backward pass: stored, checkpointed[:K] blocks at a time, or reversible")
      ->type_name("KIND")
      ->check(accepted(train::parse_activations));
  app.add_option("--stream", o.stream,
                 "Of reversible networks: float, or fixed[:Q], on a grid of 2^-Q, inverted exactly")
      ->type_name("KIND")
      ->check(accepted(train::parse_stream));
}

inline void take(const MemoryTool& o, train::TrainOptions& t) {
  train::parse_activations(o.activations, t.memory);
  train::parse_stream(o.stream, t.memory);
  t.units = o.units;
  t.widths = o.widths;
}

}  // namespace rn::tools
