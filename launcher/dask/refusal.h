#pragma once

#include <string>
#include <string_view>

#include "dask/message.h"

// What is said where this scheduler cannot do what a Dask peer asks, and what to do instead.
namespace trireme::launcher::dask {

[[nodiscard]] std::string no_tasks_text(std::string_view address);
[[nodiscard]] std::string no_workers_text(std::string_view address);
[[nodiscard]] std::string unknown_operation_text(std::string_view operation);

// A reply to a request that makes the peer raise RuntimeError(text).
[[nodiscard]] std::string error_reply(std::string_view text);

}  // namespace trireme::launcher::dask
