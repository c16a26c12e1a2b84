#include "debug/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/debug_text.h"
#include "debug/timeline.h"
#include "made_records.h"

namespace trireme::launcher::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<int> missing_of(const Divergence& divergence) {
  std::vector<int> ranks;
  for (const auto& missing : divergence.missing) ranks.push_back(missing.rank);
  return ranks;
}

// Ranks 0 and 2 wait in #2, rank 1 only finished #1.
std::vector<FlightRecord> rank_1_stays_away() {
  return {failed(record_of(0, 3, {finished(1, 0), unfinished(2, kSecond)}), "timeout", {1}),
          record_of(1, 3, {finished(1, 0)}),
          failed(record_of(2, 3, {finished(1, 0), unfinished(2, 2 * kSecond)}), "timeout", {1})};
}

TEST(Diagnosis, NamesTheRankThatDidNotCome) {
  const auto diagnosis = diagnose(rank_1_stays_away());
  ASSERT_EQ(diagnosis.divergences.size(), 1U);
  const auto& divergence = diagnosis.divergences.front();
  EXPECT_EQ(divergence.kind, DivergenceKind::kMissing);
  EXPECT_EQ(divergence.sequence, 2U);
  EXPECT_EQ(divergence.waited_ns, 30 * kSecond);
  EXPECT_THAT(missing_of(divergence), ElementsAre(1));
  const auto text = format_diagnosis(diagnosis);
  EXPECT_THAT(text, HasSubstr("not every rank came to all_reduce #2 of 1024 float32, sum"));
  EXPECT_THAT(text, HasSubstr("ranks 0, 2  waited for it, 30.0 s at most"));
  EXPECT_THAT(text, HasSubstr("rank 1 on node0 is missing: it finished all_reduce #1"));
}

TEST(Diagnosis, ARankWithoutARecordIsMissingWithWhatIsKnownOfIt) {
  auto records = rank_1_stays_away();
  records[0].communicators[0].failure->standings = {"is in #2", "has finished barrier #1", "is in #2"};
  records.erase(records.begin() + 1);
  const auto diagnosis =
      diagnose(records, {.world_size = 3, .nodes = {{1, "node7"}}, .exit_causes = {{1, "killed by signal 9"}}});
  ASSERT_EQ(diagnosis.ranks.size(), 3U);
  EXPECT_FALSE(diagnosis.ranks[1].has_record);
  EXPECT_THAT(missing_of(diagnosis.divergences.at(0)), ElementsAre(1));
  EXPECT_EQ(diagnosis.divergences[0].missing[0].node, "node7");
  EXPECT_EQ(diagnosis.divergences[0].missing[0].why,
            "it wrote no record (killed by signal 9); others saw that it has finished barrier #1");
}

TEST(Diagnosis, ARankWithoutARecordThatOthersDidNotWaitForIsNotBlamed) {
  auto records = rank_1_stays_away();
  records.pop_back();  // rank 2 waited too, but could not write
  EXPECT_THAT(missing_of(diagnose(records).divergences.at(0)), ElementsAre(1));
}

TEST(Diagnosis, ShowsDifferentCallsSideBySide) {
  auto other = unfinished(2, kSecond);
  other.kind = "broadcast";
  other.op.reset();
  other.root = 0;
  const auto diagnosis = diagnose({failed(record_of(0, 3, {finished(1, 0), unfinished(2, kSecond)}), "mismatch", {}),
                                   failed(record_of(1, 3, {finished(1, 0), other}), "mismatch", {}),
                                   failed(record_of(2, 3, {finished(1, 0), unfinished(2, kSecond)}), "mismatch", {})});
  ASSERT_EQ(diagnosis.divergences.size(), 1U);
  EXPECT_EQ(diagnosis.divergences[0].kind, DivergenceKind::kMismatch);
  const auto text = format_diagnosis(diagnosis);
  EXPECT_THAT(text, HasSubstr("the ranks called different operations as #2"));
  EXPECT_THAT(text, HasSubstr("ranks 0, 2  called all_reduce #2 of 1024 float32, sum"));
  EXPECT_THAT(text, HasSubstr("rank 1      called broadcast #2 of 1024 float32, root 0"));
}

TEST(Diagnosis, AnOperationThatAllAreInIsNobodysFault) {
  const auto diagnosis = diagnose({record_of(0, 2, {unfinished(1, 0)}), record_of(1, 2, {unfinished(1, 5)})});
  EXPECT_EQ(diagnosis.divergences.at(0).kind, DivergenceKind::kInProgress);
  EXPECT_TRUE(diagnosis.divergences[0].missing.empty());
}

TEST(Diagnosis, FinishedOperationsDivergeNowhere) {
  const auto diagnosis =
      diagnose({record_of(0, 2, {finished(1, 0), finished(2, kSecond)}), record_of(1, 2, {finished(1, 0)})});
  EXPECT_TRUE(diagnosis.divergences.empty());
  EXPECT_THAT(format_diagnosis(diagnosis), HasSubstr("Every collective that a rank called is finished"));
}

// A record keeps the last 1,000 operations: what one rank has lost to newer ones is not missing there.
TEST(Diagnosis, DoesNotMistakeForgottenOperationsForMissingOnes) {
  const auto diagnosis = diagnose({record_of(0, 2, {finished(1, 0), finished(2, kSecond), finished(3, 2 * kSecond)}),
                                   record_of(1, 2, {finished(3, 2 * kSecond)})});
  EXPECT_TRUE(diagnosis.divergences.empty());
}

TEST(Diagnosis, NamesRanksOfASubgroupByTheirGlobalNumbers) {
  auto record = failed(record_of(3, 4, {unfinished(1, 0)}), "timeout", {1});
  auto& part = record.communicators[0];
  part.name = "world/split0.1";
  part.rank = 0;
  part.size = 2;
  part.members = {3, 1};
  const auto diagnosis = diagnose({record});
  EXPECT_THAT(missing_of(diagnosis.divergences.at(0)), ElementsAre(1));
  EXPECT_THAT(diagnosis.divergences[0].sides.at(0).ranks, ElementsAre(3));
}

TEST(Diagnosis, NamesTheRankThatIsSlow) {
  std::vector<FlightRecord> records;
  for (int rank = 0; rank < 3; ++rank) {
    std::vector<FlightOperation> operations;
    for (int i = 1; i <= 10; ++i) {
      operations.push_back(
          finished(static_cast<std::uint64_t>(i), i * kSecond + (rank == 2 ? 5 * kMillisecond : rank)));
    }
    records.push_back(record_of(rank, 3, operations));
  }
  const auto diagnosis = diagnose(records);
  ASSERT_TRUE(diagnosis.straggler);
  EXPECT_EQ(diagnosis.straggler->rank, 2);
  EXPECT_EQ(diagnosis.straggler->late_ns, 5 * kMillisecond);
  EXPECT_EQ(diagnosis.straggler->last_in, 10U);
  EXPECT_THAT(format_diagnosis(diagnosis), HasSubstr("rank 2 on node1 is slow: last in 10 of 10 operations of world"));
}

TEST(Diagnosis, EqualRanksHaveNoStraggler) {
  std::vector<FlightOperation> operations;
  for (int i = 1; i <= 10; ++i) operations.push_back(finished(static_cast<std::uint64_t>(i), i * kSecond));
  EXPECT_FALSE(diagnose({record_of(0, 2, operations), record_of(1, 2, operations)}).straggler);
}

TEST(Diagnosis, TheErrorThatCameFirstIsShown) {
  auto records = rank_1_stays_away();
  records[2].communicators[0].failure->time = 30 * kSecond;
  records[2].communicators[0].failure->text = "I was first";
  const auto diagnosis = diagnose(records);
  ASSERT_TRUE(diagnosis.first_error);
  EXPECT_EQ(diagnosis.first_error->rank, 2);
  EXPECT_THAT(format_diagnosis(diagnosis), HasSubstr("First error, on rank 2: I was first"));
}

TEST(Timeline, ALongWaitGetsAPartOfItsOwnAndItsBarsAreMarked) {
  const auto records = rank_1_stays_away();
  const auto timeline = timeline_of(records, diagnose(records));
  ASSERT_EQ(timeline.rows.size(), 3U);
  EXPECT_TRUE(timeline.break_at);
  EXPECT_EQ(timeline.wait_ns, 30 * kSecond);
  EXPECT_EQ(timeline.rows[1].bars.size(), 1U);
  ASSERT_EQ(timeline.rows[0].bars.size(), 2U);
  EXPECT_FALSE(timeline.rows[0].bars[0].is_unfinished);
  EXPECT_TRUE(timeline.rows[0].bars[1].is_unfinished);
  EXPECT_EQ(timeline.rows[0].bars[1].to, 1.0);
  const auto text = draw_text(timeline, 40);
  EXPECT_THAT(text, HasSubstr("rank 0 node0  ="));
  EXPECT_THAT(text, HasSubstr("!!!"));
  EXPECT_THAT(text, HasSubstr("then a wait of 30.0 s"));
}

TEST(Timeline, ShowsOnlyTheLastOperations) {
  std::vector<FlightOperation> operations;
  for (int i = 1; i <= 100; ++i) operations.push_back(finished(static_cast<std::uint64_t>(i), i * 2 * kMillisecond));
  const std::vector<FlightRecord> records = {record_of(0, 1, operations)};
  const auto timeline = timeline_of(records, diagnose(records), 10);
  EXPECT_FALSE(timeline.break_at);
  EXPECT_LE(timeline.rows.at(0).bars.size(), 11U);
  EXPECT_LT(timeline.history_ns, 25 * kMillisecond);
}

TEST(Timeline, TheSvgEscapesNamesAndNamesRanksWithoutARecord) {
  auto records = rank_1_stays_away();
  records.erase(records.begin() + 1);
  records[0].communicators[0].name = "a<b&c";
  const auto svg = draw_svg(timeline_of(records, diagnose(records, {.world_size = 3})), "ranks of <run>");
  EXPECT_THAT(svg, HasSubstr("ranks of &lt;run>"));
  EXPECT_THAT(svg, HasSubstr("a&lt;b&amp;c: all_reduce #2"));
  EXPECT_THAT(svg, HasSubstr("no record"));
  EXPECT_THAT(svg, Not(HasSubstr("<run>")));
}

TEST(Timeline, NothingRecordedIsNoError) {
  const std::vector<FlightRecord> records = {record_of(0, 1, {})};
  const auto diagnosis = diagnose(records);
  EXPECT_THAT(draw_text(timeline_of(records, diagnosis)), HasSubstr("no operation"));
  EXPECT_THAT(format_diagnosis(diagnosis), HasSubstr("nothing called"));
}

}  // namespace
}  // namespace trireme::launcher::test
