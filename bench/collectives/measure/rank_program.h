#pragma once

#include <functional>
#include <string>

#include "measurement.h"

namespace trireme::bench {

// What the driver tells every rank program, of whatever system.
struct RankOptions {
  std::string socket;  // the driver's unix socket
  std::string page;    // the start line's file
};

// Connects to the driver, says "hello RANK", and answers its lines until it closes the connection:
//   measure OPERATION BYTES arena|foreign BUDGET_SECONDS MINIMUM_SAMPLES
//   -> result MEDIAN_US P90_US SAMPLES WRONG [KEY=VALUE…]      (every rank; the driver reads rank 0's)
//   -> error TEXT                     (and this returns, for the rank is out of step with the others)
// Between lines the rank sleeps in read(). Returns the exit code of the program.
[[nodiscard]] int answer_driver(const std::string& socket, int rank,
                                const std::function<std::string(const Request&)>& answer);

// "result …", as above without the pairs.
[[nodiscard]] std::string describe(const Measurement& measurement);

// Answers with the measurements of `system`, whose ranks are processes.
[[nodiscard]] int serve(System& system, const RankOptions& options, int rank, int ranks);

}  // namespace trireme::bench
