#pragma once

namespace trireme::launcher {

// Parses the command line and does what it says; returns the process's exit code. Errors are one line on standard
// error, "launcher: error: …", and a code of exit_codes.h. Never throws.
[[nodiscard]] int run_command_line(int argc, char** argv) noexcept;

}  // namespace trireme::launcher
