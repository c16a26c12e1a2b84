#pragma once

#include <memory>

#include "dask/server/connection.h"
#include "dask/server/coroutine.h"
#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// The stream that begins with register-client, until its end; all the client's interests end with it. Throws as
// Connection::read() does, after that.
[[nodiscard]] Awaitable<void> serve_client(Hub& hub, std::shared_ptr<Connection> connection,
                                           const Message& registration);

}  // namespace trireme::launcher::dask
