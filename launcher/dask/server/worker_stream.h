#pragma once

#include <memory>

#include "dask/server/connection.h"
#include "dask/server/coroutine.h"
#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// The stream that begins with register-worker, until its end; the worker is gone then. Throws as Connection::read()
// does, after that.
[[nodiscard]] Awaitable<void> serve_worker(Hub& hub, std::shared_ptr<Connection> connection,
                                           const Message& registration);

// What begins with register_nanny: the nanny is given its plugins and says once that it has started.
[[nodiscard]] Awaitable<void> serve_nanny(Hub& hub, std::shared_ptr<Connection> connection,
                                          const Message& registration);

// How often workers are to send heartbeats, by how many there are.
[[nodiscard]] double heartbeat_seconds(std::size_t workers);
// What placement uses of a heartbeat or a registration.
[[nodiscard]] WorkerLoad load_of(const Object& message);
[[nodiscard]] std::map<std::string, double> resources_of(const Object& message);

}  // namespace trireme::launcher::dask
