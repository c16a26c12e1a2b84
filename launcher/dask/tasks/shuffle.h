#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dask/wire/bytes.h"
#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// A P2P shuffle, as the graph has it. Transfer tasks cut their input in pieces that workers send to each other; its
// barrier task ends when all has been sent; output tasks, which need the barrier, put the pieces together again.
struct ShuffleSpec {
  std::string id;
  Key barrier;
  Bytes pickled;                // distributed's ShuffleSpec, for workers
  std::vector<Key> partitions;  // of the output: numbers, or tuples of them
};

// One attempt at a shuffle. Workers that have pieces of an older one drop them.
struct ShuffleRun {
  std::int64_t number = 0;                          // rises from run to run, over all shuffles
  std::vector<std::string> workers;                 // of each partition: the address of who gets its pieces
  std::set<std::string, std::less<>> participants;  // these, and whoever asked to take part
};

struct Shuffle {
  ShuffleSpec spec;
  std::optional<ShuffleRun> run;  // none before the first transfer begins, and once the outputs are done
};

}  // namespace trireme::launcher::dask
