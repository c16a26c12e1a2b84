#include "arena.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>

namespace trireme::collectives {

// Lies behind the parts.
struct Arena::Header {
  std::uint64_t id;
  std::uint32_t ranks;
  std::atomic<std::uint32_t> released;
};

namespace {

constexpr std::size_t kHeaderPage = 4096;

// Weak, so that memory goes with its last user.
struct Registry {
  std::mutex mutex;
  std::map<std::uint64_t, std::weak_ptr<Arena>> by_id;
  std::atomic<std::uint64_t> generation{1};
};

Registry& registry() {
  static auto* const forever = new Registry;  // arenas may go after the statics of this file would have
  return *forever;
}

std::uint64_t random_id() {
  std::random_device device;
  for (;;) {
    const auto id = std::uint64_t{device()} << 32 | device();
    if (id != 0) return id;  // 0 stands for memory that is in no arena
  }
}

class ArenaMemory final : public Memory {
 public:
  ArenaMemory(ArenaPtr arena, const ArenaPart& part) : arena_(std::move(arena)), part_(part) {}
  ~ArenaMemory() override { arena_->release(); }
  ArenaMemory(const ArenaMemory&) = delete;
  ArenaMemory& operator=(const ArenaMemory&) = delete;

  [[nodiscard]] void* data() const noexcept override { return part(part_.rank); }
  [[nodiscard]] std::size_t bytes() const noexcept override { return part_.bytes; }
  [[nodiscard]] void* part(int rank) const noexcept override {
    return arena_->begin() + part_.stride * static_cast<std::size_t>(rank);
  }

 private:
  const ArenaPtr arena_;
  const ArenaPart part_;
};

}  // namespace

Arena::Arena(MappingPtr mapping) : mapping_(std::move(mapping)) {}

Arena::~Arena() { registry().generation.fetch_add(1, std::memory_order_release); }

std::size_t Arena::bytes_for(std::size_t part_bytes, int ranks) noexcept {
  return part_bytes * static_cast<std::size_t>(ranks) + kHeaderPage;
}

Arena::Header& Arena::header() const noexcept {
  return *reinterpret_cast<Header*>(mapping_->data() + mapping_->bytes() - kHeaderPage);
}

void Arena::prepare(Mapping& mapping, int ranks) {
  auto* header = std::construct_at(reinterpret_cast<Header*>(mapping.data() + mapping.bytes() - kHeaderPage));
  header->id = random_id();
  header->ranks = static_cast<std::uint32_t>(ranks);
}

std::uint64_t Arena::id() const noexcept { return header().id; }

std::size_t Arena::bytes() const noexcept { return mapping_->bytes() - kHeaderPage; }

void Arena::release() noexcept { header().released.fetch_add(1, std::memory_order_release); }

bool Arena::is_released() const noexcept { return header().released.load(std::memory_order_acquire) >= header().ranks; }

ArenaPtr intern_arena(MappingPtr mapping) {
  auto fresh = std::make_shared<Arena>(std::move(mapping));
  auto& arenas = registry();
  const std::lock_guard lock(arenas.mutex);
  std::erase_if(arenas.by_id, [](const auto& entry) { return entry.second.expired(); });
  auto& known = arenas.by_id[fresh->id()];
  if (auto existing = known.lock()) return existing;
  known = fresh;
  arenas.generation.fetch_add(1, std::memory_order_release);
  return fresh;
}

std::vector<ArenaPtr> mapped_arenas() {
  auto& arenas = registry();
  const std::lock_guard lock(arenas.mutex);
  std::vector<ArenaPtr> mapped;
  for (const auto& [id, arena] : arenas.by_id) {
    if (auto alive = arena.lock()) mapped.push_back(std::move(alive));
  }
  return mapped;
}

std::uint64_t arena_generation() noexcept { return registry().generation.load(std::memory_order_acquire); }

MemoryPtr make_arena_memory(ArenaPtr arena, const ArenaPart& part) {
  return std::make_shared<ArenaMemory>(std::move(arena), part);
}

}  // namespace trireme::collectives
