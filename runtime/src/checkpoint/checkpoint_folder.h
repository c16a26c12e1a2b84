#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_index.h"

// What rank 0 does to the folder that holds the checkpoints of a run. Every call throws DataError naming the path.
namespace trireme {

struct ListedCheckpoint {
  std::string path;
  std::int64_t step = 0;
  std::int64_t saved_at_ns = 0;  // -1: its index cannot be read
};

// Every step folder, complete or not, the one saved last first. None when the folder does not exist.
[[nodiscard]] std::vector<ListedCheckpoint> list_checkpoints(const std::string& folder);

// Makes the empty folder that the shards of `step` are written to and removes what broken saves left. Returns its path.
std::string begin_save(const std::string& folder, std::int64_t step);
// Writes the index beside the shards, renames the folder to its final name and moves the pointer. Returns the path.
std::string commit_save(const std::string& folder, const std::string& temporary, const CheckpointIndex& index);
// Removes complete checkpoints but the `keep` saved last.
void prune_checkpoints(const std::string& folder, int keep);

}  // namespace trireme
