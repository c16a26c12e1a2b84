#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "trireme/base/unique_fd.h"

// IPv4 sockets by host name, non-blocking and closed on exec.
namespace trireme::detail {

struct Listener {
  UniqueFd socket;
  std::uint16_t port = 0;
};

// Binds and listens; port 0 takes any free one. Throws ConfigError naming host and port.
[[nodiscard]] Listener listen_tcp(const std::string& host, std::uint16_t port);

// The next connection that waits; empty when there is none or the process is out of descriptors (`error` has errno).
[[nodiscard]] UniqueFd accept_tcp(int listener, int& error) noexcept;

// One attempt to connect, until `deadline`. An empty descriptor and the reason in `error` when it fails.
[[nodiscard]] UniqueFd connect_tcp(const std::string& host, std::uint16_t port,
                                   std::chrono::steady_clock::time_point deadline, std::string& error);

// Waits for poll `events` on `fd` until the deadline; the events that came, 0 at the deadline.
[[nodiscard]] short wait_for_events(int fd, short events, std::chrono::steady_clock::time_point deadline) noexcept;

}  // namespace trireme::detail
