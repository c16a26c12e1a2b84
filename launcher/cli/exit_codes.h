#pragma once

#include <string>

#include "trireme/base/error.h"

namespace trireme::launcher {

// What the launcher's commands return; `run` returns the program's own code when it has one.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,       // the run failed without a code of its own, or the launcher met something unexpected
  kBadInput = 2,     // unknown flag, value out of range, program that does not exist
  kNotFound = 3,     // no such cluster, no such run
  kConflict = 4,     // the cluster is up already
  kUnreachable = 5,  // the scheduler does not answer, or not in time
  kNoResource = 6,   // ports taken, no GPU, a file that cannot be used, a process that does not stay up
  kDenied = 7,       // the token's role does not reach, or there is no valid one
};

// Ends a command with an exit code and one line on standard error.
class CommandError : public Error {
 public:
  CommandError(ExitCode code, const std::string& what) : Error(what), code_(code) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

}  // namespace trireme::launcher
