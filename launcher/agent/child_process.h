#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

struct SpawnOptions {
  std::vector<std::string> command;                     // looked up on PATH when it has no slash
  std::optional<std::vector<std::string>> environment;  // "K=V"; nullopt: this process's
  std::string working_directory;                        // empty: this process's
  int standard_input = -1;                              // -1: /dev/null; not owned
  int standard_output = -1;
  int standard_error = -1;
  bool new_session = false;  // a daemon
  bool new_group = false;    // a process group of its own, so that it can be signalled as a whole
  int death_signal = 0;      // sent to the child when the thread that spawned it ends; 0: none
};

// Starts a process; every other descriptor is closed in it and its signal mask and handlers are the defaults. The
// caller waits for it. Throws ConfigError naming the program and the system's reason when it cannot be started.
[[nodiscard]] pid_t spawn(const SpawnOptions& options);

struct ExitStatus {
  int code = 0;    // 128 + signal when a signal ended it
  int signal = 0;  // 0: none
};
// Of a wait status as waitpid() gives it.
[[nodiscard]] ExitStatus exit_status(int wait_status) noexcept;
// Blocks until the child has ended and reaps it.
[[nodiscard]] ExitStatus wait_for(pid_t child) noexcept;

struct CommandOutput {
  int code = 0;
  std::string standard_output;
};
// Runs a short command to its end. Throws ConfigError when it cannot be started.
[[nodiscard]] CommandOutput run_command(const std::vector<std::string>& command);

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
// Both ends close on exec. Throws Error when the process is out of descriptors.
[[nodiscard]] Pipe make_pipe();

// This binary's absolute path.
[[nodiscard]] std::string own_path();

}  // namespace trireme::launcher
