#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "mapping.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// Shared memory of a group of ranks: a part for each, all of it mapped by each. Outlives the communicator that made it.
//
// A process has one Arena object per arena, however many communicators and ranks of it use it.
class Arena {
 public:
  explicit Arena(MappingPtr mapping);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Bytes of a mapping with `ranks` parts of `part_bytes` each.
  [[nodiscard]] static std::size_t bytes_for(std::size_t part_bytes, int ranks) noexcept;
  // Gives the mapping its identity, in rank 0 and before anybody else maps it.
  static void prepare(Mapping& mapping, int ranks);

  [[nodiscard]] std::uint64_t id() const noexcept;
  [[nodiscard]] std::byte* begin() const noexcept { return mapping_->data(); }
  [[nodiscard]] std::size_t bytes() const noexcept;
  // A rank has given up its part. Once all have, no buffer lies here any more.
  void release() noexcept;
  [[nodiscard]] bool is_released() const noexcept;

 private:
  struct Header;
  [[nodiscard]] Header& header() const noexcept;

  const MappingPtr mapping_;
};
using ArenaPtr = std::shared_ptr<Arena>;

// The arenas that this process maps. Thread-safe.
//
// The one object for what `mapping` holds.
[[nodiscard]] ArenaPtr intern_arena(MappingPtr mapping);
[[nodiscard]] std::vector<ArenaPtr> mapped_arenas();
// Grows whenever mapped_arenas() changes. One atomic load.
[[nodiscard]] std::uint64_t arena_generation() noexcept;

// A rank's part: the parts lie `stride` bytes apart, of which `bytes` were asked for.
struct ArenaPart {
  int rank = 0;
  std::size_t stride = 0;
  std::size_t bytes = 0;
};

// A part of `arena`, as what Communicator::allocate() returns.
[[nodiscard]] MemoryPtr make_arena_memory(ArenaPtr arena, const ArenaPart& part);

}  // namespace trireme::collectives
