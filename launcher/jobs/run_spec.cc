#include "jobs/run_spec.h"

#include <csignal>
#include <cstring>
#include <filesystem>

#include "trireme/base/message.h"

namespace trireme::launcher {

std::string display_name(const RunSpec& spec) {
  if (!spec.name.empty()) return spec.name;
  return spec.command.empty() ? "run" : std::filesystem::path(spec.command.front()).filename().string();
}

std::string describe_exit(int code, int signal) {
  if (signal == 0) return message("exited with {}", code);
  const char* abbreviation = sigabbrev_np(signal);
  if (abbreviation == nullptr) return message("killed by signal {}", signal);
  return message("killed by signal {} (SIG{})", signal, abbreviation);
}

}  // namespace trireme::launcher
