#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "arena.h"
#include "trireme/collectives/buffer.h"

namespace trireme::collectives {

// A place in an arena, which means the same in every process that maps it. Arena 0 stands for any other memory.
struct ArenaRef {
  std::uint64_t arena = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const ArenaRef&, const ArenaRef&) = default;
};

// What the ranks of one communicator know of arenas. All ranks learn the same at the same time, so that all of them
// decide alike whether they can reach each other's buffers.
class ArenaTable {
 public:
  // Where `buffer` lies, if it lies in an arena that this process maps.
  [[nodiscard]] ArenaRef refer(const Buffer& buffer);
  // True once the ranks have agreed on whether all of them map it.
  [[nodiscard]] bool knows(std::uint64_t id) const noexcept;
  // Null unless it is known that all ranks map it.
  [[nodiscard]] std::byte* resolve(const ArenaRef& ref) const noexcept;

  [[nodiscard]] static ArenaPtr find_mapped(std::uint64_t id);
  // The ranks have agreed: all map it, and `arena` is it here; or, null, not all do. Keeps it mapped until every rank
  // that had a part of it has given it up.
  void learn(std::uint64_t id, ArenaPtr arena);
  // Unmaps what all ranks have given up. Takes nanoseconds when there is nothing.
  void forget_released();

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::byte* begin = nullptr;
    std::byte* end = nullptr;
    ArenaPtr arena = {};  // null: not all ranks map it
  };
  // Arenas of this process that the communicator does not know yet: addresses only, they keep nothing mapped.
  void look_at_process();

  std::vector<Entry> known_;
  std::vector<Entry> unknown_;
  std::uint64_t generation_ = 0;
};

}  // namespace trireme::collectives
