#pragma once

#include <string>

#include "dask/handlers.h"

namespace trireme::launcher::dask {

// The reply to `identity`: a scheduler without workers, with the content of /json/status under the key `trireme`.
// Nodes are not listed as workers, because libraries submit tasks to every worker listed.
[[nodiscard]] std::string identity(const Scene& scene);

}  // namespace trireme::launcher::dask
