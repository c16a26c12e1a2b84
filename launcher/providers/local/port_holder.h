#pragma once

#include <cstdint>
#include <string>

namespace trireme::launcher {

// Who listens on a TCP port of this machine, as far as this user may know: "process 812 (python3) of user ann",
// "a process of user ann", or "another process".
[[nodiscard]] std::string describe_port_holder(std::uint16_t port);

}  // namespace trireme::launcher
