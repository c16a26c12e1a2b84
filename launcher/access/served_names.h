#pragma once

#include <set>
#include <string>
#include <string_view>

namespace trireme::launcher {

// The host names and addresses under which a port is served.
//
// A web page of a stranger can have its own name resolve to an address of ours and then read what we answer ("DNS
// rebinding"); the browser still sends that name as Host, and a name that is not ours is refused. Names are compared
// without case; "*.example.org" stands for one label more. Pure.
class ServedNames {
 public:
  // localhost, 127.0.0.1 and ::1, which are always served.
  ServedNames();

  void add(std::string_view name);
  // `host` as in a Host header: "node0:8787", "[::1]:8787".
  [[nodiscard]] bool contains(std::string_view host) const;
  // "127.0.0.1, ::1, localhost"
  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] const std::set<std::string>& names() const noexcept { return names_; }

 private:
  std::set<std::string> names_;  // lower case, addresses without brackets
};

// "[::1]:8787" → "::1", "Node0:8787" → "node0".
[[nodiscard]] std::string host_without_port(std::string_view host);

// An IPv4 or IPv6 address, not a name.
[[nodiscard]] bool is_address(const std::string& host);
[[nodiscard]] bool is_ipv4(const std::string& host);
// Only this machine reaches it: 127.0.0.0/8, ::1, or a name that resolves to such addresses alone.
[[nodiscard]] bool is_loopback(const std::string& host);
// "0.0.0.0" and "::"
[[nodiscard]] bool is_every_interface(const std::string& host);
// This machine's host name and the addresses of its interfaces.
[[nodiscard]] ServedNames names_of_this_machine();

}  // namespace trireme::launcher
