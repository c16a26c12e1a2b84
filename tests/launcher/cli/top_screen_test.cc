#include "cli/top_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trireme::launcher {
namespace {

using testing::HasSubstr;
using testing::Not;

ClusterSnapshot cluster_of(int ranks) {
  ClusterSnapshot snapshot{.name = "lab", .state = "up", .started = 0};
  snapshot.nodes = {{.name = "node0", .state = "up", .ranks = ranks}, {.name = "node1", .state = "lost"}};
  RunView run{.run_id = "r-0002", .name = "train", .status = "running", .ranks = ranks, .nodes = {"node0"}};
  for (int i = 0; i < ranks; ++i) {
    RankView rank{.rank = i, .node = "node0", .state = "running"};
    rank.busy_ms = 100 + i;
    rank.status = StatusRecord{.rank = i, .phase = "train", .step = 7, .metrics = {{"memory_mib", 500.0 - i}}};
    run.rank_views.push_back(rank);
  }
  run.insight = {.condition = Condition::kSlowRank, .headline = "rank 1 on node0 is slow", .suspects = {1}, .step = 7};
  snapshot.runs = {RunView{.run_id = "r-0003", .name = "later", .status = "queued"}, run};
  return snapshot;
}

std::string text_of(const std::vector<ScreenLine>& lines) {
  std::string text;
  for (const ScreenLine& line : lines) {
    for (const Piece& piece : line) text += piece.text;
    text += '\n';
  }
  return text;
}

TEST(TopScreen, ShowsTheRunThatRunsWhatIsWrongAndWho) {
  const auto lines = draw_top(cluster_of(3), {.width = 140, .height = 30, .now = 60});
  const std::string text = text_of(lines);
  EXPECT_THAT(text, HasSubstr("1 of 2 nodes, 3 ranks"));
  EXPECT_THAT(text, HasSubstr("slow rank: rank 1 on node0 is slow"));
  EXPECT_THAT(text, HasSubstr("r-0003 later"));
  bool is_marked = false;
  for (const ScreenLine& line : lines) {
    for (const Piece& piece : line) is_marked |= piece.tone == Tone::kBad && piece.text.find("█") != std::string::npos;
  }
  EXPECT_TRUE(is_marked);
}

TEST(TopScreen, FitsEveryTerminal) {
  for (const int width : {20, 80, 200}) {
    for (const int height : {1, 10, 24, 60}) {
      const auto lines = draw_top(cluster_of(1000), {.width = width, .height = height});
      EXPECT_LE(lines.size(), static_cast<std::size_t>(height));
      for (const ScreenLine& line : lines) {
        int characters = 0;
        for (const Piece& piece : line) {
          for (const char byte : piece.text) characters += (static_cast<unsigned char>(byte) & 0xC0) != 0x80 ? 1 : 0;
        }
        EXPECT_LE(characters, width);
      }
    }
  }
}

TEST(TopScreen, OrdersAndScrollsRanks) {
  const auto slowest = text_of(draw_top(cluster_of(100), {.width = 140, .height = 20, .order = RankOrder::kSlowest}));
  EXPECT_THAT(slowest, HasSubstr("   99 node0"));
  EXPECT_THAT(slowest, HasSubstr("more (↓)"));
  const auto memory = text_of(draw_top(cluster_of(100), {.width = 140, .height = 20, .order = RankOrder::kMemory}));
  EXPECT_THAT(memory, HasSubstr("    0 node0"));
  const auto last = text_of(draw_top(cluster_of(100), {.width = 140, .height = 20, .first_rank = 5000}));
  EXPECT_THAT(last, HasSubstr("   99 node0"));
  EXPECT_THAT(last, Not(HasSubstr("more (↓)")));
}

TEST(TopScreen, SaysWhatToTypeWhenNothingRuns) {
  EXPECT_THAT(text_of(draw_top({.name = "lab"}, {})), HasSubstr("launcher run -n 4 -- PROGRAM"));
}

}  // namespace
}  // namespace trireme::launcher
