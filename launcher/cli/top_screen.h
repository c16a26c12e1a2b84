#pragma once

#include <string>
#include <vector>

#include "scheduler/snapshot.h"

// What `launcher top` shows, as text. Pure.
namespace trireme::launcher {

enum class Tone { kPlain, kMuted, kStrong, kGood, kBusy, kWarning, kBad };

struct Piece {
  std::string text;
  Tone tone = Tone::kPlain;
};
using ScreenLine = std::vector<Piece>;

enum class RankOrder { kRank, kSlowest, kMemory };

struct TopView {
  int width = 80;
  int height = 24;
  double now = 0;
  std::string run_id;  // that was picked; empty: the newest that runs, else the newest
  RankOrder order = RankOrder::kRank;
  int first_rank = 0;  // of those that are shown
};

// At most `height` lines, each at most `width` characters of UTF-8.
[[nodiscard]] std::vector<ScreenLine> draw_top(const ClusterSnapshot& snapshot, const TopView& view);
// The run that draw_top() shows; nullptr when there is none.
[[nodiscard]] const RunView* shown_run(const ClusterSnapshot& snapshot, const std::string& run_id);

}  // namespace trireme::launcher
