#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "trireme/base/unique_fd.h"

// IPv4 sockets by host name, non-blocking and closed on exec. What the store and the tcp backend are made of.
namespace trireme {

struct Listener {
  UniqueFd socket;
  std::uint16_t port = 0;
};

// Binds and listens; port 0 takes any free one. Throws ConfigError naming `who` listens, host and port.
[[nodiscard]] Listener listen_tcp(const std::string& who, const std::string& host, std::uint16_t port);

// The next connection that waits; empty when there is none or the process is out of descriptors (`error` has errno).
[[nodiscard]] UniqueFd accept_tcp(int listener, int& error) noexcept;

// One attempt to connect, until `deadline`. An empty descriptor and the reason in `error` when it fails.
[[nodiscard]] UniqueFd connect_tcp(const std::string& host, std::uint16_t port,
                                   std::chrono::steady_clock::time_point deadline, std::string& error);

// "10.0.0.3", the address of this machine that a connected socket uses, and its peer's; empty when not connected.
[[nodiscard]] std::string local_host_of(int socket);
[[nodiscard]] std::string remote_host_of(int socket);
// The first IPv4 address of a network interface ("eth0"); nullopt when there is none.
[[nodiscard]] std::optional<std::string> host_of_interface(const std::string& interface);

// Waits for poll `events` on `fd` until the deadline; the events that came, 0 at the deadline.
[[nodiscard]] short wait_for_events(int fd, short events, std::chrono::steady_clock::time_point deadline) noexcept;

}  // namespace trireme
