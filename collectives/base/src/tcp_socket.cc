#include "trireme/base/tcp_socket.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::string system_text(int error) { return std::generic_category().message(error); }

AddressList resolve(const std::string& host, std::uint16_t port, int flags, std::string& error) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (status != 0) error = message("host '{}' does not resolve: {}", host, ::gai_strerror(status));
  return {status == 0 ? found : nullptr, &::freeaddrinfo};
}

UniqueFd new_socket() { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

void set_flag(int socket, int level, int option) noexcept {
  const int on = 1;
  ::setsockopt(socket, level, option, &on, sizeof(on));
}

std::uint16_t bound_port(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

[[noreturn]] void fail_listening(const std::string& who, const std::string& host, std::uint16_t port,
                                 const std::string& why) {
  throw ConfigError(
      message("{}: cannot listen on {}:{}: {}. Choose another port (0 takes any free one) or an address "
              "of this machine.",
              who, host, port, why));
}

std::string to_text(const sockaddr_in& address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  return text.data();
}

int connection_error(int socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

// 0, or the errno of the failure.
int connect_until(int socket, const addrinfo& address, std::chrono::steady_clock::time_point deadline) {
  if (::connect(socket, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (wait_for_events(socket, POLLOUT, deadline) == 0) return ETIMEDOUT;
  return connection_error(socket);
}

// Connecting to a free port of the ephemeral range can, by TCP's simultaneous open, connect a socket to itself.
bool is_connected_to_itself(int socket) {
  sockaddr_in here{};
  sockaddr_in there{};
  socklen_t here_size = sizeof(here);
  socklen_t there_size = sizeof(there);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&here), &here_size) != 0) return false;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&there), &there_size) != 0) return false;
  return here.sin_port == there.sin_port && here.sin_addr.s_addr == there.sin_addr.s_addr;
}

}  // namespace

Listener listen_tcp(const std::string& who, const std::string& host, std::uint16_t port) {
  std::string error;
  const auto address = resolve(host, port, AI_PASSIVE, error);
  if (!address) fail_listening(who, host, port, error);
  UniqueFd socket = new_socket();
  if (!socket) fail_listening(who, host, port, system_text(errno));
  // Without it a port stays refused for a minute after its last connection ended.
  set_flag(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (::bind(socket.get(), address->ai_addr, address->ai_addrlen) != 0 || ::listen(socket.get(), SOMAXCONN) != 0) {
    fail_listening(who, host, port, system_text(errno));
  }
  const auto bound = bound_port(socket.get());
  return {.socket = std::move(socket), .port = bound};
}

UniqueFd accept_tcp(int listener, int& error) noexcept {
  UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  error = socket ? 0 : errno;
  if (socket) set_flag(socket.get(), IPPROTO_TCP, TCP_NODELAY);
  return socket;
}

UniqueFd connect_tcp(const std::string& host, std::uint16_t port, std::chrono::steady_clock::time_point deadline,
                     std::string& error) {
  const auto addresses = resolve(host, port, 0, error);
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    UniqueFd socket = new_socket();
    const int failure = socket ? connect_until(socket.get(), *address, deadline) : errno;
    if (failure != 0) {
      error = system_text(failure);
    } else if (is_connected_to_itself(socket.get())) {
      error = system_text(ECONNREFUSED);
    } else {
      set_flag(socket.get(), IPPROTO_TCP, TCP_NODELAY);
      return socket;
    }
  }
  return {};
}

std::string local_host_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return address.sin_addr.s_addr == INADDR_ANY ? std::string{} : to_text(address);
}

std::string remote_host_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0 ? to_text(address) : std::string{};
}

std::optional<std::string> host_of_interface(const std::string& interface) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, &::freeifaddrs);
  for (const auto* entry = all; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET || interface != entry->ifa_name) continue;
    return to_text(*reinterpret_cast<const sockaddr_in*>(entry->ifa_addr));
  }
  return std::nullopt;
}

short wait_for_events(int fd, short events, std::chrono::steady_clock::time_point deadline) noexcept {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    const auto wait = std::clamp<milliseconds::rep>(left.count(), 0, 3'600'000);
    const int ready = ::poll(&entry, 1, static_cast<int>(wait));
    if (ready > 0) return entry.revents;
    if (ready == 0 && wait == std::max<milliseconds::rep>(left.count(), 0)) return 0;
    if (ready < 0 && errno != EINTR) return POLLERR;
  }
}

}  // namespace trireme
