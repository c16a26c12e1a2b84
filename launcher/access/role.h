#pragma once

#include <optional>
#include <string_view>

// Who may do what on port 8787. Pure.
namespace trireme::launcher {

enum class Role {
  kNode,    // a node's agent: the Agents service and nothing else
  kRead,    // look at everything
  kSubmit,  // and start, cancel and rerun runs
  kAdmin,   // and take the cluster down, drain and scale: everything
};

// "node", "read", "submit", "admin"
[[nodiscard]] std::string_view to_text(Role role);
[[nodiscard]] std::optional<Role> parse_role(std::string_view text);

// True when who holds a role may do what another one is needed for.
[[nodiscard]] bool may(Role held, Role needed);

// The role a call needs; nullopt when it is open to everyone. What is not known to be harmless needs kAdmin.
// `path` is gRPC's, "/trireme.v1.Runs/Submit".
[[nodiscard]] std::optional<Role> role_for_rpc(std::string_view path);
// `path` without a query, "/api/runs".
[[nodiscard]] std::optional<Role> role_for_http(std::string_view method, std::string_view path);

}  // namespace trireme::launcher
