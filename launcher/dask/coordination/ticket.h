#pragma once

#include <cstdint>

namespace trireme::launcher::dask {

// A request that waits, by a number that the server gives it and never gives again.
//
// An operation that cannot be answered at once keeps the ticket; a later one hands it back with the answer. The server
// calls forget() when the request timed out or its connection ended, and must do so before it answers anything else
// from the same object.
using Ticket = std::uint64_t;

}  // namespace trireme::launcher::dask
