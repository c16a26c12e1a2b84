#pragma once

#include <string>

#include "dask/server/coroutine.h"
#include "dask/server/hub.h"

// How a worker goes without a loss. Tasks that run there meanwhile run again elsewhere, as in Dask.
namespace trireme::launcher::dask {

// From now on; what it has not begun is placed anew.
void give_no_more_tasks(Hub& hub, const std::string& address);

// Copies the results that only this worker has to running ones; true when nothing is left that would be lost with it.
// Else it takes tasks again.
[[nodiscard]] Awaitable<bool> hand_over_results(Hub& hub, std::string address);

// Both, for the worker of this name and for those that `--nworkers` made of it: NAME-0, NAME-1, …
[[nodiscard]] Awaitable<void> retire_named(Hub& hub, std::string name);

}  // namespace trireme::launcher::dask
