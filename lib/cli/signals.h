// Stopping on signals. SIGTERM, SIGUSR1 (batch systems) and SIGINT (Ctrl-C) only set a flag, which
// long work polls: it saves and returns, and the tool ends with exit_stopped. A second SIGINT quits
// at once.
#pragma once

namespace rn::cli {

void catch_signals();                 // installs the handlers; once, before the work starts
bool stop_requested();                // fits a std::function<bool()>
int stop_signal();                    // which one came, or 0
const char* signal_name(int signal);  // "SIGTERM"

}  // namespace rn::cli
