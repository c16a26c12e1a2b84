#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <msgpack.hpp>

#include "scheduler/snapshot.h"

// What the scheduler says to each request of a Dask peer, as functions of the message and the state. PROTOCOL.md lists
// the operations.
namespace trireme::launcher::dask {

// Who answers.
struct Scene {
  const SnapshotSource& source;
  std::string id;       // "Scheduler-…"
  std::string address;  // "tcp://127.0.0.1:8786", as the peer reached it
  std::uint16_t dashboard_port = 0;
  std::string cluster_name;
};

enum class Then {
  kNextRequest,  // requests and replies, one at a time
  kStream,       // from now on messages are arrays of operations, none of which is a request
  kClose,
};

struct Answer {
  std::optional<std::string> message;  // msgpack; nullopt: nothing is sent
  Then then = Then::kNextRequest;
};

// The first message of each side on every connection.
[[nodiscard]] std::string handshake();
// Whether a peer's first message is a handshake that can be accepted.
[[nodiscard]] bool is_handshake(const msgpack::object& message);

// A request outside of a stream. An operation nobody knows gets an error the client raises.
[[nodiscard]] Answer answer_request(const msgpack::object& request, const Scene& scene);
// A message of a client's stream.
[[nodiscard]] Answer answer_stream(const msgpack::object& message, const Scene& scene);

}  // namespace trireme::launcher::dask
