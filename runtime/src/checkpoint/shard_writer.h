#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint_index.h"
#include "trireme/runtime/state.h"

namespace trireme {

struct ShardPlace {
  std::string folder;
  int rank = 0;
  int world_size = 1;
};

// Writes what this rank owns into `place.folder`, one file per shard name of the sources, and tells what it wrote.
// A tensor that the rank holds whole keeps its name and shape, so that any safetensors reader gets it; a part of one
// becomes "NAME@OFFSET", one-dimensional. Throws DataError naming the file.
[[nodiscard]] ShardManifest write_shards(const ShardPlace& place, const std::vector<StateSource*>& sources,
                                         const std::map<std::string, std::string>& metadata);

}  // namespace trireme
