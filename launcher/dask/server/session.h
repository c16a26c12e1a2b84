#pragma once

#include <memory>

#include "dask/server/connection.h"
#include "dask/server/coroutine.h"
#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// Serves one connection that a peer made, until its end: handshake, requests one at a time, perhaps a stream. A peer
// that sends what is no Dask message is disconnected; whatever it does, nothing is thrown.
[[nodiscard]] Awaitable<void> serve(Hub& hub, std::shared_ptr<Connection> connection);

}  // namespace trireme::launcher::dask
