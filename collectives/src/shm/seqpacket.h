#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "trireme/base/unique_fd.h"

// Unix sockets of whole messages, named in the abstract namespace, that can carry one file descriptor each.
namespace trireme::collectives {

using Deadline = std::chrono::steady_clock::time_point;

struct Packet {
  std::string bytes;
  UniqueFd fd;  // empty when none came along
};

// Listens under a name that the kernel makes up.
[[nodiscard]] UniqueFd listen_abstract();
// The name, without the leading zero byte.
[[nodiscard]] std::string abstract_name(const UniqueFd& listener);
// Throws CommError when nobody listens there.
[[nodiscard]] UniqueFd connect_abstract(const std::string& name);
// nullopt at the deadline. Connections of other users are dropped.
[[nodiscard]] std::optional<UniqueFd> accept_until(const UniqueFd& listener, Deadline deadline);

// Throws CommError when the peer is gone. `fd` travels along unless it is empty.
void send_packet(const UniqueFd& socket, std::string_view bytes, const UniqueFd& fd = {});
// nullopt at the deadline; throws CommError when the peer has closed.
[[nodiscard]] std::optional<Packet> receive_packet(const UniqueFd& socket, Deadline deadline);

// The process at the other end.
[[nodiscard]] pid_t peer_process(const UniqueFd& socket);

}  // namespace trireme::collectives
