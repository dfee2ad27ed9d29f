// stderr, shared by log lines and the progress bar: a line clears the bar and draws it again below.
#pragma once

#include <cstdio>
#include <string_view>

namespace rn::cli {

bool is_terminal(std::FILE* file);
bool use_colour(std::FILE* file);     // a terminal, TERM not "dumb", NO_COLOR empty or unset
int terminal_width(std::FILE* file);  // columns, 80 when unknown

// One whole line, in one write; the newline is added. Thread-safe.
void write_line(std::FILE* file, std::string_view line);
// The bar is the last line, without newline; an empty one takes it away. Thread-safe.
void show_bar(std::FILE* file, std::string_view bar);

// Points spdlog's default logger at stderr: "TOOL: warning: text". `level`: -1 quiet (warnings
// only), 0 notes too, 1 and more debugging.
void start_log(std::string_view tool, int level);

}  // namespace rn::cli
