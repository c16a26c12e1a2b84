#pragma once

#include <string_view>

namespace trireme {

// Of train_gpt2 and generate_gpt2, as their --help says.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitBadInput = 2;
inline constexpr int kExitPeerLost = 3;
inline constexpr int kExitStopped = 130;

// Tells the exception being handled on stderr, in one line, and gives the exit code for it. Call it in a catch block.
[[nodiscard]] int report_failure(std::string_view program);

}  // namespace trireme
