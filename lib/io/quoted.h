// Names from files in messages, which are one line.
#pragma once

#include <string>
#include <string_view>

namespace rn::io {

// 'name', with control characters escaped and cut after 200 bytes.
std::string quoted(std::string_view name);

}  // namespace rn::io
