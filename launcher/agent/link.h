#pragma once

#include <functional>
#include <memory>
#include <string>

#include "access/client_access.h"
#include "agent/send_queue.h"

namespace trireme::v1 {
class AgentCommand;
class AgentMessage;
class Register;
}  // namespace trireme::v1

namespace trireme::launcher {

using MessageOutbox = SendQueue<std::shared_ptr<trireme::v1::AgentMessage>>;

enum class LinkEnd { kStopped, kRejected, kUnreachable };

// Holds the agent's stream to the scheduler at `address`: registers with what `hello` gives, hands each command to
// `on_command`, sends what `outbox` gives and heartbeats between. Ranks' records wait 20 ms for others and travel
// together. Reconnects for `patience` after the stream breaks and sends what the scheduler had not acknowledged again.
//
// Blocks until `on_command` returns false (kStopped), the scheduler turns the agent away (kRejected, logged) or cannot
// be reached any more (kUnreachable).
[[nodiscard]] LinkEnd run_link(const std::string& address, const ClientAccess& access,
                               const std::function<trireme::v1::Register()>& hello, MessageOutbox& outbox,
                               const std::function<bool(const trireme::v1::AgentCommand&)>& on_command,
                               std::chrono::seconds patience);

}  // namespace trireme::launcher
