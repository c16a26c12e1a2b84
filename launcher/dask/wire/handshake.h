#pragma once

#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

// The first message of each side on every connection.
namespace trireme::launcher::dask {

// A handshake has three small entries. Larger first messages are other protocols read as lengths.
inline constexpr FrameLimits kHandshakeLimits{.message_bytes = 4096, .payload_bytes = 0, .frames = 4};

// Ours: no compression, so that nobody compresses what is sent to us.
[[nodiscard]] Outgoing handshake();
// Whether a peer's first message is a handshake that can be accepted.
[[nodiscard]] bool is_handshake(const Object& message);

}  // namespace trireme::launcher::dask
