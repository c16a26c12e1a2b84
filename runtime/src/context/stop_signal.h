#pragma once

#include <csignal>

namespace trireme {

// Turns SIGTERM and SIGINT into a flag, from construction to destruction.
//
// The first signal of each kind sets the flag, the second acts as it did before, so that an impatient user can still
// end the process. SIGTERM also writes the flight record (trireme/collectives/flight_record.h). Signal handlers are a
// property of the process: one object at a time. Any thread may read the flag.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] static bool arrived() noexcept;

 private:
  struct sigaction previous_term_ {};
  struct sigaction previous_int_ {};
};

}  // namespace trireme
