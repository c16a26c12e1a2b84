#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "plan.h"

namespace trireme::soak {

// Where the buffers of calls lie: in arena memory that all ranks of the first world map, or in memory of this rank
// alone. Buffers stay valid until release_all().
class CallMemory {
 public:
  // Collective: allocates the arena.
  CallMemory(collectives::Communicator& world, std::size_t arena_bytes);
  // `bytes` behind `offset` from an aligned address; arena memory that is used up is replaced by foreign memory.
  [[nodiscard]] std::byte* take(std::size_t bytes, int offset, bool from_arena);
  void release_all();

 private:
  collectives::MemoryPtr arena_;
  std::size_t used_ = 0;
  std::deque<std::vector<std::byte>> foreign_;
};

}  // namespace trireme::soak
