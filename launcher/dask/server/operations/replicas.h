#pragma once

#include <map>
#include <string>
#include <vector>

#include "dask/server/coroutine.h"
#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// Which keys a worker is to fetch from others.
using Copies = std::map<std::string, std::vector<Key>>;

// Makes the workers fetch copies; what they got is known to the task scheduler afterwards.
[[nodiscard]] Awaitable<void> copy_data(Hub& hub, const Copies& copies);

}  // namespace trireme::launcher::dask
