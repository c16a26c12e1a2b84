#pragma once

#include <functional>
#include <memory>
#include <string>

#include "scheduler/outbox.h"

namespace trireme::v1 {
class AgentCommand;
class AgentMessage;
class Register;
}  // namespace trireme::v1

namespace trireme::launcher {

using MessageOutbox = Outbox<std::shared_ptr<trireme::v1::AgentMessage>>;

enum class LinkEnd { kStopped, kRejected, kUnreachable };

// Holds the agent's stream to the scheduler at `address`: registers, hands each command to `on_command`, sends what
// `outbox` gives and heartbeats between. Reconnects for `patience` after the stream breaks.
//
// Blocks until `on_command` returns false (kStopped), the scheduler turns the agent away (kRejected, logged) or cannot
// be reached any more (kUnreachable).
[[nodiscard]] LinkEnd run_link(const std::string& address, const trireme::v1::Register& hello, MessageOutbox& outbox,
                               const std::function<bool(const trireme::v1::AgentCommand&)>& on_command,
                               std::chrono::seconds patience);

}  // namespace trireme::launcher
