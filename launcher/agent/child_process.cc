#include "agent/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// What the child does between fork and exec; only async-signal-safe calls, everything is prepared before.
struct ChildPlan {
  std::vector<char*> command;
  std::vector<char*> environment;
  const char* working_directory;
  std::array<int, 3> streams;
  const SpawnOptions& options;
  int error_pipe;
};

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool place_streams(const ChildPlan& plan) {
  std::array<int, 3> copies{};
  for (std::size_t index = 0; index < 3; ++index) {
    const int given = plan.streams[index];
    const int source = given >= 0 ? given : open("/dev/null", O_RDWR);
    copies[index] = fcntl(source, F_DUPFD, 3);
    if (copies[index] < 0) return false;
  }
  for (int index = 0; index < 3; ++index) {
    if (dup2(copies[static_cast<std::size_t>(index)], index) < 0) return false;
  }
  return true;
}

[[noreturn]] void report_and_leave(int error_pipe) {
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(error_pipe, &error, sizeof(error));
  _exit(127);
}

[[noreturn]] void become(const ChildPlan& plan) {
  reset_signals();
  if (plan.options.new_session) setsid();
  if (plan.options.new_group) setpgid(0, 0);
  if (plan.options.death_signal != 0) prctl(PR_SET_PDEATHSIG, plan.options.death_signal);
  const int error_pipe = fcntl(plan.error_pipe, F_DUPFD_CLOEXEC, 3);
  if (!place_streams(plan)) report_and_leave(error_pipe);
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (*plan.working_directory != '\0' && chdir(plan.working_directory) != 0) report_and_leave(error_pipe);
  execvpe(plan.command.front(), plan.command.data(), plan.environment.data());
  report_and_leave(error_pipe);
}

std::vector<char*> inherited_environment() {
  std::vector<char*> pointers;
  for (char** entry = environ; *entry != nullptr; ++entry) pointers.push_back(*entry);
  pointers.push_back(nullptr);
  return pointers;
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(message("cannot make a pipe: {}", std::strerror(errno)));
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

pid_t spawn(const SpawnOptions& options) {
  Pipe errors = make_pipe();
  const ChildPlan plan{pointers_to(options.command),
                       options.environment ? pointers_to(*options.environment) : inherited_environment(),
                       options.working_directory.c_str(),
                       {options.standard_input, options.standard_output, options.standard_error},
                       options,
                       errors.write.get()};
  const pid_t child = fork();
  if (child < 0) throw Error(message("cannot start {}: {}", options.command.front(), std::strerror(errno)));
  if (child == 0) become(plan);
  errors.write.reset();
  const std::string failure = read_to_end(errors.read.get());
  if (failure.size() < sizeof(int)) return child;
  int error = 0;
  std::memcpy(&error, failure.data(), sizeof(error));
  static_cast<void>(wait_for(child));
  throw ConfigError(message("cannot start {} in {}: {}", options.command.front(),
                            options.working_directory.empty() ? "." : options.working_directory, std::strerror(error)));
}

ExitStatus exit_status(int wait_status) noexcept {
  if (WIFSIGNALED(wait_status)) return {128 + WTERMSIG(wait_status), WTERMSIG(wait_status)};
  return {WEXITSTATUS(wait_status), 0};
}

ExitStatus wait_for(pid_t child) noexcept {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return {127, 0};
  }
  return exit_status(status);
}

CommandOutput run_command(const std::vector<std::string>& command) {
  Pipe output = make_pipe();
  const pid_t child = spawn({.command = command, .standard_output = output.write.get()});
  output.write.reset();
  std::string text = read_to_end(output.read.get());
  return {wait_for(child).code, std::move(text)};
}

std::string own_path() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

}  // namespace trireme::launcher
