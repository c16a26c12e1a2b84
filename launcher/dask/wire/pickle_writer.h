#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dask/wire/key.h"

// The few pickles this scheduler makes. It is a writer only: pickles that come in are never opened.
namespace trireme::launcher::dask {

// A builtin exception made from one text: pickled_exception("RuntimeError", "no").
[[nodiscard]] std::string pickled_exception(std::string_view builtin_class, std::string_view text);
// The same of a class in any module.
[[nodiscard]] std::string pickled_exception(std::string_view module, std::string_view name, std::string_view text);
// distributed.scheduler.KilledWorker(task, last_worker, allowed_failures); of the worker it has the address only.
[[nodiscard]] std::string pickled_killed_worker(std::string_view task, std::string_view worker_address,
                                                std::uint32_t allowed_failures);
// The function that Python's eval makes of an expression: what the "run" operation of a worker calls.
[[nodiscard]] std::string pickled_eval(std::string_view expression);
// The tuple (text, bytes): arguments for a function of these two.
[[nodiscard]] std::string pickled_text_and_bytes(std::string_view text, std::string_view bytes);
[[nodiscard]] std::string pickled_empty_map();
// What the call of a class without arguments makes.
[[nodiscard]] std::string pickled_instance(std::string_view module, std::string_view name);
// distributed's ShuffleRunSpec: the run's number, the pickle of a ShuffleSpec, and the worker of each partition.
// Throws MessageError for partitions that are neither integers nor tuples of them.
[[nodiscard]] std::string pickled_shuffle_run(std::int64_t run, std::string_view spec, std::span<const Key> partitions,
                                              std::span<const std::string> workers);

}  // namespace trireme::launcher::dask
