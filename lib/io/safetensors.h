// safetensors: a JSON header with the place of each tensor, then their bytes.
#pragma once

#include <map>
#include <span>
#include <string>

#include "io/weights.h"

namespace rn::io {

// Does it begin like a safetensors file: a header length that fits, then '{'?
bool looks_like_safetensors(std::span<const std::byte> bytes);

// Errors (input), one line that begins with `name` and says which field: header longer than the
// file or than 100 MB, JSON that is damaged, nested or has a key twice, an unknown dtype, offsets
// that do not match the shape or do not tile the data, too many tensors, too long names.
WeightFile read_safetensors(std::span<const std::byte> bytes, const std::string& name);

// The bytes of a file with these tensors (f32, f64, i64, i32, u8; Weight::stored is not looked at),
// laid out as the safetensors package does it: wide types first, then by name, the header padded to
// 8 bytes. Same content, same bytes. Errors: shape, for a name there twice or a tensor on a device.
Bytes write_safetensors(std::span<const Weight> weights,
                        const std::map<std::string, std::string>& metadata = {});

}  // namespace rn::io
