#pragma once

#include <string>
#include <vector>

#include "dask/server/coroutine.h"
#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// What runs on a worker at a user's wish may take as long as it takes.
inline constexpr WorkerCalls::Patience kUserPatience{24 * 3600};

using Replies = std::vector<CallResult>;

// Sends one request (msgpack, without frames) to workers, or to their nannies; replies in the order of `workers`.
[[nodiscard]] Awaitable<Replies> ask_workers(Hub& hub, const std::vector<std::string>& workers, bool nannies,
                                             const Bytes& request);
// {address: reply}; throws CallerError (OSError) when one did not answer.
void write_replies(MessageWriter& reply, const std::vector<std::string>& addresses, const Replies& replies);

}  // namespace trireme::launcher::dask
