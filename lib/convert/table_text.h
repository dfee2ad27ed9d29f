// A network's table as lines of text, to go with exported weights: names and shapes cannot tell
// everything (strides, padding, which shortcut), and with it an export comes back as it was.
#pragma once

#include <string>

#include "models/network_spec.h"

namespace rn::convert {

// Keys in the metadata of safetensors, and attributes of Keras' HDF5.
inline constexpr const char* table_key = "resnet_tools_table";
inline constexpr const char* input_key = "resnet_tools_input";      // as --normalize takes it
inline constexpr const char* classes_key = "resnet_tools_classes";  // one a line

// Empty if a name has blanks, which the text cannot carry.
std::string table_text(const models::NetworkSpec& spec);

// Errors (input): malformed, or a table that no network can have.
models::NetworkSpec parse_table(const std::string& text, const std::string& file);

}  // namespace rn::convert
