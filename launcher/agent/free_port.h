#pragma once

#include <cstdint>
#include <string>

namespace trireme::launcher {

// A TCP port of `host` that nobody listens on now. Throws ConfigError when there is none.
[[nodiscard]] std::uint16_t free_port(const std::string& host);
// True when somebody could listen on the port now.
[[nodiscard]] bool is_port_free(const std::string& host, std::uint16_t port);

}  // namespace trireme::launcher
