#include "agent/free_port.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

namespace {

UniqueFd bind_to(const std::string& host, std::uint16_t port, sockaddr_in& address) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  const bool is_address = inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1;
  const bool is_bound = is_address && bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                        listen(socket.get(), 1) == 0;
  return is_bound ? std::move(socket) : UniqueFd();
}

}  // namespace

std::uint16_t free_port(const std::string& host) {
  sockaddr_in address{};
  const UniqueFd socket = bind_to(host, 0, address);
  socklen_t size = sizeof(address);
  if (!socket || getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw ConfigError(message("no free port on {}: {}", host, std::strerror(errno)));
  }
  return ntohs(address.sin_port);
}

bool is_port_free(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  return static_cast<bool>(bind_to(host, port, address));
}

}  // namespace trireme::launcher
