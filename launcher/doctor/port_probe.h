#pragma once

#include "doctor/process_facts.h"

namespace trireme::launcher {

// The IPv4 address of an interface; loopback's when it has none or the name is empty.
[[nodiscard]] std::string address_of(const std::string& interface);
// Listens on the port and connects to it through `address`. Blocks for 2 s at most.
[[nodiscard]] PortFact probe_port(const std::string& address, std::uint16_t port);
// Connects to "HOST:PORT". Blocks for 2 s at most, and for as long as looking the name up takes.
[[nodiscard]] PeerFact probe_peer(const std::string& peer);

}  // namespace trireme::launcher
