#pragma once

#include <string>

namespace trireme {

// An IPv4 address at which other nodes reach this one: what `master` (a name or address, may be empty) stands for where
// that is this machine, else that of the first network interface that is up and no loopback. "127.0.0.1" without any.
[[nodiscard]] std::string own_address(const std::string& master);

}  // namespace trireme
