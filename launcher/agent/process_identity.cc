#include "agent/process_identity.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "trireme/base/message.h"
#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

std::optional<ProcessIdentity> identify(pid_t pid) {
  std::ifstream file(message("/proc/{}/stat", pid));
  std::string line;
  if (pid <= 0 || !std::getline(file, line)) return std::nullopt;
  const std::size_t name_end = line.rfind(')');  // the name itself may hold spaces and parentheses
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  std::string state;
  fields >> state;
  if (state == "Z" || state == "X") return std::nullopt;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  ProcessIdentity process{pid, 0};
  if (!(fields >> process.start_time)) return std::nullopt;
  return process;
}

bool is_alive(const ProcessIdentity& process) { return identify(process.pid) == process; }

bool send_signal(const ProcessIdentity& process, int signal) {
  const UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  if (!handle || !is_alive(process)) return false;
  return syscall(SYS_pidfd_send_signal, handle.get(), signal, nullptr, 0) == 0;
}

}  // namespace trireme::launcher
