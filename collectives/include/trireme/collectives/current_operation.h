#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace trireme::collectives {

// Which operation this process is in, for whoever watches from outside.
struct CurrentOperation {
  std::string communicator;  // the name that it has on all its ranks
  std::string call;          // "all_reduce"
  std::uint64_t sequence = 0;
  std::int64_t bytes = 0;
  bool is_finished = false;
  std::chrono::nanoseconds since{};  // it was posted, or finished
};

// Of what all open communicators of this process keep (flight_record.h): the operation that has been under way longest,
// else the one that finished last; nullopt when there is none. Thread-safe, does not hold anybody up.
[[nodiscard]] std::optional<CurrentOperation> current_operation();

}  // namespace trireme::collectives
