#pragma once

#include <limits>
#include <string_view>

#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// What clients are shown of a scheduler: its workers, at most `most_workers` of them, and under the key `trireme` the
// content of /json/status (nodes, runs). `address`: the scheduler's, as the peer reached it.
void write_identity(MessageWriter& out, Hub& hub, std::string_view address,
                    std::size_t most_workers = std::numeric_limits<std::size_t>::max());
// One worker's part of it.
void write_worker(MessageWriter& out, const WorkerPeer& worker);

}  // namespace trireme::launcher::dask
