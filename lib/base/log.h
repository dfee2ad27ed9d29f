// Warnings and notes of library code. They go to spdlog's default logger, which lib/cli points at
// stderr; a program that embeds the library decides for itself.
#pragma once

#include <spdlog/spdlog.h>

namespace rn {

template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::warn(format, std::forward<Args>(args)...);
}

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::info(format, std::forward<Args>(args)...);
}

}  // namespace rn
