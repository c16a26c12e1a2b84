#include "providers/local/port_holder.h"

#include <pwd.h>
#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "trireme/base/message.h"

namespace trireme::launcher {

namespace fs = std::filesystem;

namespace {

struct Listener {
  std::string inode;
  uid_t user = 0;
};

// /proc/net/tcp: local_address is HEXIP:HEXPORT, st 0A is LISTEN, then uid and inode follow.
std::optional<Listener> find_listener(const char* table, std::uint16_t port) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, timeout;
    Listener listener;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> listener.user >> timeout >>
        listener.inode;
    const std::size_t colon = local.rfind(':');
    if (state != "0A" || colon == std::string::npos) continue;
    if (std::stoul(local.substr(colon + 1), nullptr, 16) == port) return listener;
  }
  return std::nullopt;
}

bool holds(const fs::path& process, const std::string& socket) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(process / "fd", error)) {
    if (fs::read_symlink(entry.path(), error).string() == socket) return true;
  }
  return false;
}

std::string name_of(const fs::path& process) {
  std::ifstream file(process / "comm");
  std::string name;
  std::getline(file, name);
  return name;
}

std::optional<fs::path> find_process(const std::string& inode) {
  const std::string socket = message("socket:[{}]", inode);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") == std::string::npos && holds(entry.path(), socket)) return entry.path();
  }
  return std::nullopt;
}

std::string user_name(uid_t user) {
  const passwd* entry = getpwuid(user);
  return entry == nullptr ? std::to_string(user) : entry->pw_name;
}

}  // namespace

std::string describe_port_holder(std::uint16_t port) {
  std::optional<Listener> listener = find_listener("/proc/net/tcp", port);
  if (!listener) listener = find_listener("/proc/net/tcp6", port);
  if (!listener) return "another process";
  const std::string user = user_name(listener->user);
  const std::optional<fs::path> process = find_process(listener->inode);
  if (!process) return message("a process of user {}", user);
  return message("process {} ({}) of user {}", process->filename().string(), name_of(*process), user);
}

}  // namespace trireme::launcher
