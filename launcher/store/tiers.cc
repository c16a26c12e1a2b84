#include "store/tiers.h"

#include <algorithm>

namespace trireme::launcher {

namespace {

int tier_for_age(std::int64_t age) {
  int tier = 1;
  while (age > kTiers[static_cast<std::size_t>(tier)].keep) ++tier;
  return tier;
}

bool is_small(const ChunkInfo& chunk) { return chunk.tier == 0 && chunk.points < kRecordsAChunk; }

// Rows of a few records each become one.
std::optional<Compaction> join_records(const std::vector<ChunkInfo>& chunks, bool is_ended) {
  Compaction join;
  int points = 0;
  for (const ChunkInfo& chunk : chunks) {
    if (!is_small(chunk)) continue;
    join.from.push_back(chunk.id);
    points += chunk.points;
  }
  if (join.from.size() < 2 || (points < kRecordsAChunk && !is_ended)) return std::nullopt;
  return join;
}

Compaction fold_chunk(const std::vector<ChunkInfo>& chunks, const ChunkInfo& due, std::int64_t newest) {
  Compaction fold{.from = {due.id}, .tier = std::max(due.tier + 1, tier_for_age(newest - due.last))};
  for (const ChunkInfo& chunk : chunks) {
    if (chunk.tier == fold.tier) fold.into = chunk.points < kPointsAChunk ? std::optional(chunk.id) : std::nullopt;
  }
  return fold;
}

}  // namespace

std::optional<Compaction> plan_compaction(const std::vector<ChunkInfo>& chunks, bool is_ended) {
  if (auto join = join_records(chunks, is_ended)) return join;
  std::int64_t newest = std::numeric_limits<std::int64_t>::min();
  int records = 0;
  for (const ChunkInfo& chunk : chunks) {
    newest = std::max(newest, chunk.last);
    if (chunk.tier == 0) records += chunk.points;
  }
  int tier = -1;
  for (const ChunkInfo& chunk : chunks) {
    if (chunk.tier == tier) continue;  // only the oldest of each may be due
    tier = chunk.tier;
    const std::int64_t keep = kTiers[static_cast<std::size_t>(tier)].keep;
    const bool is_due = tier == 0 ? records - chunk.points >= kRecordsKept : newest - chunk.last > keep;
    if (is_due) return fold_chunk(chunks, chunk, newest);
  }
  return std::nullopt;
}

bool outlives_records(int rank, const std::string& metric) {
  return rank <= 0 || metric == "step_ms" || metric == "exposed_comm_ms" || metric == "memory_mib";
}

}  // namespace trireme::launcher
