// Validators that several options share.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "cli/run_tool.h"
#include "train/schedule.h"

namespace rn::tools {

// Checks a length, and writes it in one way, so that recipes can be compared.
inline CLI::Validator length(std::optional<train::Length::Unit> bare = {}) {
  return CLI::Validator(
      [bare](std::string& text) -> std::string {
        try {
          text = to_string(train::parse_length(text, bare));
          return {};
        } catch (const Error& error) {
          return error.what();
        }
      },
      "");
}

template <class Parse>
inline CLI::Validator checked(Parse parse) {
  return CLI::Validator(
      [parse](std::string& text) -> std::string {
        try {
          parse(text);
          return {};
        } catch (const Error& error) {
          return error.what();
        }
      },
      "");
}

}  // namespace rn::tools
