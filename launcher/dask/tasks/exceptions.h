#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "dask/wire/key.h"
#include "dask/wire/opaque.h"

namespace trireme::launcher::dask {

// Makes the exceptions that the task scheduler itself raises, as pickles; empty functions make kNil.
struct ExceptionWriters {
  // More than `allowed` workers died while they may have run it, `worker` was the last.
  std::function<Opaque(const Key& key, std::string_view worker, std::uint32_t allowed)> killed_worker;
  // An actor went with its worker.
  std::function<Opaque(const Key& key)> actor_lost;
};

}  // namespace trireme::launcher::dask
