#include "arena_table.h"

#include <algorithm>

namespace trireme::collectives {

ArenaRef ArenaTable::refer(const Buffer& buffer) {
  auto* const first = static_cast<std::byte*>(buffer.data);
  const auto holds = [&](const Entry& entry) { return first >= entry.begin && first < entry.end; };
  if (const auto found = std::ranges::find_if(known_, holds); found != known_.end()) {
    return {found->id, static_cast<std::uint64_t>(first - found->begin)};
  }
  look_at_process();
  if (const auto found = std::ranges::find_if(unknown_, holds); found != unknown_.end()) {
    return {found->id, static_cast<std::uint64_t>(first - found->begin)};
  }
  return {};
}

void ArenaTable::look_at_process() {
  const auto generation = arena_generation();
  if (generation == generation_) return;
  generation_ = generation;
  unknown_.clear();
  for (const auto& arena : mapped_arenas()) {
    if (!knows(arena->id())) unknown_.push_back({arena->id(), arena->begin(), arena->begin() + arena->bytes(), {}});
  }
}

bool ArenaTable::knows(std::uint64_t id) const noexcept {
  return std::ranges::find(known_, id, &Entry::id) != known_.end();
}

std::byte* ArenaTable::resolve(const ArenaRef& ref) const noexcept {
  const auto found = std::ranges::find(known_, ref.arena, &Entry::id);
  return found == known_.end() || !found->arena ? nullptr : found->begin + ref.offset;
}

ArenaPtr ArenaTable::find_mapped(std::uint64_t id) {
  for (auto& arena : mapped_arenas()) {
    if (arena->id() == id) return std::move(arena);
  }
  return nullptr;
}

void ArenaTable::forget_released() {
  std::erase_if(known_, [](const Entry& entry) { return entry.arena && entry.arena->is_released(); });
}

void ArenaTable::learn(std::uint64_t id, ArenaPtr arena) {
  forget_released();
  auto* const begin = arena ? arena->begin() : nullptr;
  auto* const end = arena ? begin + arena->bytes() : nullptr;
  known_.push_back({id, begin, end, std::move(arena)});
  generation_ = 0;
}

}  // namespace trireme::collectives
