#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "store/curve.h"

// How curves shrink with age. Pure decisions over what is stored; ages count from a rank's newest point, so a short run
// keeps its detail for ever.
namespace trireme::launcher {

// What is older than `keep` moves on to the next tier, where points of one `span` are one. Milliseconds.
struct Tier {
  std::int64_t span;
  std::int64_t keep;
};
inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::array<Tier, 5> kTiers = {{
    {0, 0},                      // records as they came: the newest kRecordsKept
    {1'000, 3'600'000},          // a second: for an hour
    {10'000, 86'400'000},        // ten seconds: for a day
    {60'000, 7 * 86'400'000LL},  // a minute: for a week
    {600'000, kForever},         // ten minutes
}};
inline constexpr int kRecordsKept = 4096;  // of every rank
inline constexpr int kRecordsAChunk = 64;  // what is written at once is joined to so many
inline constexpr int kPointsAChunk = 256;  // of the other tiers

// A stretch of a rank's curve as it is stored.
struct ChunkInfo {
  std::int64_t id = 0;  // grows with time within a tier
  int tier = 0;
  std::int64_t last = 0;  // its newest time, in milliseconds
  int points = 0;
};

// Take the chunks `from` together, folded to `tier`, behind chunk `into` if there is one.
struct Compaction {
  std::vector<std::int64_t> from;
  int tier = 0;
  std::optional<std::int64_t> into;
};

// What to do next with the chunks of one rank, which are sorted by tier and id; nullopt: nothing is due. `is_ended`: no
// more points come, so few of them are joined too.
[[nodiscard]] std::optional<Compaction> plan_compaction(const std::vector<ChunkInfo>& chunks, bool is_ended);

// Of the metrics of a rank, those that outlive its records: rank 0 speaks for the run and keeps all, and so do all
// ranks together (kAllRanks); the others keep what tells one from another.
inline constexpr int kAllRanks = -1;
[[nodiscard]] bool outlives_records(int rank, const std::string& metric);

}  // namespace trireme::launcher
