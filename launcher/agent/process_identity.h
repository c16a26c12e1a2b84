#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace trireme::launcher {

// A process that cannot be confused with a later one of the same number: pid and start time (clock ticks since boot).
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;
  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

// nullopt when there is no such process, or only its zombie.
[[nodiscard]] std::optional<ProcessIdentity> identify(pid_t pid);
[[nodiscard]] bool is_alive(const ProcessIdentity& process);
// Sends `signal` to exactly this process; false when it is gone.
bool send_signal(const ProcessIdentity& process, int signal);

}  // namespace trireme::launcher
