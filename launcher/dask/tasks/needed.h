#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// Which tasks are counted: of the given keys and all they need, those that are not in memory; those and the given keys;
// or all.
enum class Counted { kUnfinished, kUnfinishedAndGiven, kAll };

// How many tasks some keys need, themselves included.
struct NeededTasks {
  std::map<std::string, std::size_t> kinds;  // "inc" of inc-3e8f…
  std::size_t total = 0;
  std::optional<Key> failed;   // one of them that is erred
  std::optional<Key> unknown;  // one of the given keys that is not known, or no longer
};

}  // namespace trireme::launcher::dask
