#pragma once

#include <any>
#include <optional>
#include <string_view>
#include <utility>

#include "dask/materializer/materializer.h"
#include "dask/server/operations/operation.h"

namespace trireme::launcher::dask {

// What the materializer answered, once it has; nullopt when the peer has not waited for it.
template <class Result>
Awaitable<std::optional<Result>> await_materializer(Hub& hub, const Request& request, Ticket ticket) {
  auto answer = co_await hub.tickets.wait(ticket, std::nullopt, request.connection);
  if (!answer) co_return std::nullopt;
  co_return std::any_cast<Result>(std::move(*answer));
}

// status: "error" or "uncaught-error", which the caller's side of the operation looks for.
void write_failure(MessageWriter& reply, std::string_view status, const MaterializeError& error);

}  // namespace trireme::launcher::dask
