// Files that may be packed with gzip. Only lib/io/gzip.cpp includes zlib.h.
#pragma once

#include <cstdint>
#include <string>

#include "io/h5.h"

namespace rn::io {

// The content of a file, unpacked if it begins as gzip does. Errors (input): as read_file; damaged,
// cut short, or more than `limit` bytes.
Bytes read_unpacked(const std::string& path, std::uint64_t limit);

}  // namespace rn::io
