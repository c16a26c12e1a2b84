#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// The few pickles this scheduler makes. It is a writer only: pickles that come in are never opened.
namespace trireme::launcher::dask {

// A builtin exception made from one text: pickled_exception("RuntimeError", "no").
[[nodiscard]] std::string pickled_exception(std::string_view builtin_class, std::string_view text);
// distributed.scheduler.KilledWorker(task, last_worker, allowed_failures); of the worker it has the address only.
[[nodiscard]] std::string pickled_killed_worker(std::string_view task, std::string_view worker_address,
                                                std::uint32_t allowed_failures);
// The function that Python's eval makes of an expression: what the "run" operation of a worker calls.
[[nodiscard]] std::string pickled_eval(std::string_view expression);
// The tuple (text, bytes): arguments for a function of these two.
[[nodiscard]] std::string pickled_text_and_bytes(std::string_view text, std::string_view bytes);
[[nodiscard]] std::string pickled_empty_map();

}  // namespace trireme::launcher::dask
