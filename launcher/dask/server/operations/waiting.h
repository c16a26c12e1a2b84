#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "dask/server/operations/operation.h"

namespace trireme::launcher::dask {

using Forget = std::function<void(Ticket)>;

// Until the ticket is answered with a Value; nullopt when the time is over or the peer is gone, and then forget(ticket)
// has been called. Throws CallerError when what it waited for is gone.
template <class Value>
Awaitable<std::optional<Value>> await_ticket(Hub& hub, const Request& request, Ticket ticket, const Forget& forget) {
  std::optional<std::any> answer = co_await hub.tickets.wait(ticket, request.seconds("timeout"), request.connection);
  if (!answer) {
    forget(ticket);
    co_return std::nullopt;
  }
  if (std::any_cast<Dropped>(&*answer)) refuse("what this waited for was closed");
  co_return std::any_cast<Value>(std::move(*answer));
}

[[noreturn]] inline void raise_timeout(const std::string& text = "") { throw CallerError("TimeoutError", text); }

}  // namespace trireme::launcher::dask
