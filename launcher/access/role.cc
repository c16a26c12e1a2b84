#include "access/role.h"

#include <algorithm>
#include <array>

namespace trireme::launcher {

namespace {

constexpr std::array kRoles = {Role::kNode, Role::kRead, Role::kSubmit, Role::kAdmin};

bool begins_with_one_of(std::string_view text, std::initializer_list<std::string_view> beginnings) {
  return std::ranges::any_of(beginnings, [&](std::string_view beginning) { return text.starts_with(beginning); });
}

}  // namespace

std::string_view to_text(Role role) {
  switch (role) {
    case Role::kNode:
      return "node";
    case Role::kRead:
      return "read";
    case Role::kSubmit:
      return "submit";
    case Role::kAdmin:
      break;
  }
  return "admin";
}

std::optional<Role> parse_role(std::string_view text) {
  const auto found = std::ranges::find(kRoles, text, [](Role role) { return to_text(role); });
  return found == kRoles.end() ? std::nullopt : std::optional(*found);
}

bool may(Role held, Role needed) {
  if (held == Role::kAdmin) return true;
  if (held == Role::kNode || needed == Role::kNode) return held == needed;
  return held >= needed;
}

// By the method's verb, so that a method added to a service needs no entry here to be safe.
std::optional<Role> role_for_rpc(std::string_view path) {
  if (path.starts_with("/grpc.health.v1.Health/")) return std::nullopt;
  if (path.starts_with("/grpc.reflection.")) return Role::kRead;
  if (path.starts_with("/trireme.v1.Agents/")) return Role::kNode;
  if (!path.starts_with("/trireme.v1.")) return Role::kAdmin;
  const std::string_view method = path.substr(path.rfind('/') + 1);
  if (begins_with_one_of(method, {"Get", "List", "Watch", "Follow", "Read", "Query", "Search", "Compare"}))
    return Role::kRead;
  if (begins_with_one_of(method, {"Submit", "Cancel", "Rerun"})) return Role::kSubmit;
  return Role::kAdmin;
}

std::optional<Role> role_for_http(std::string_view method, std::string_view path) {
  if (path == "/login" || path == "/health" || path == "/api/login") return std::nullopt;
  if (path.starts_with("/assets/")) return std::nullopt;
  if (method == "GET" || method == "HEAD") return Role::kRead;
  if (path == "/api/logout") return Role::kRead;
  return path == "/api/runs" || path.starts_with("/api/runs/") ? Role::kSubmit : Role::kAdmin;
}

}  // namespace trireme::launcher
