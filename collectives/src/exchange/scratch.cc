#include "scratch.h"

#include <algorithm>
#include <utility>

namespace trireme::collectives {

// The smallest block that is large enough; else the largest is replaced, so that the pool does not collect small ones.
ScratchPool::Block ScratchPool::take(std::size_t size) {
  const auto fits = [&](const Block& block) { return block.size >= size; };
  auto best = free_.end();
  for (auto block = free_.begin(); block != free_.end(); ++block) {
    if (best == free_.end() || (fits(*block) ? !fits(*best) || block->size < best->size : !fits(*best))) best = block;
  }
  Block taken;
  if (best != free_.end()) {
    taken = std::move(*best);
    free_.erase(best);
  }
  if (!fits(taken)) taken = {std::make_unique_for_overwrite<std::byte[]>(size), size};
  return taken;
}

}  // namespace trireme::collectives
