#include "store/curve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "store/curve_buffer.h"
#include "store/curve_codec.h"
#include "store/tiers.h"
#include "trireme/base/error.h"

namespace trireme::launcher {
namespace {

// One record a second from second 0 on; the loss is the second.
Curve seconds(int count) {
  Curve curve;
  for (int second = 0; second < count; ++second) {
    add_record(curve, second * 1000, second, {{"loss", second}});
  }
  return curve;
}

TEST(Curve, FoldsSpansOfTimeIntoOnePoint) {
  const Curve folded = fold(seconds(25), 10'000);
  EXPECT_EQ(folded.times, (std::vector<std::int64_t>{9'000, 19'000, 24'000}));
  EXPECT_EQ(folded.steps, (std::vector<std::int64_t>{9, 19, 24}));
  EXPECT_EQ(folded.metrics.at("loss")[0], (Extent{10, 4.5, 0, 9}));
  EXPECT_EQ(folded.metrics.at("loss")[2], (Extent{5, 22, 20, 24}));
}

TEST(Curve, FoldsWhatIsFoldedAlreadyToTheSame) {
  const Curve at_once = fold(seconds(600), 60'000);
  const Curve in_steps = fold(fold(seconds(600), 10'000), 60'000);
  EXPECT_EQ(at_once.times, in_steps.times);
  for (std::size_t index = 0; index < at_once.size(); ++index) {
    const Extent& one = at_once.metrics.at("loss")[index];
    const Extent& other = in_steps.metrics.at("loss")[index];
    EXPECT_NEAR(one.mean, other.mean, 1e-9);
    EXPECT_EQ(one.low, other.low);
    EXPECT_EQ(one.high, other.high);
  }
}

TEST(Curve, KeepsRareMetricsThroughFolding) {
  Curve curve = seconds(10);
  add_record(curve, 10'000, 10, {{"loss", 10}, {"val_loss", 3}});
  for (const Curve& fewer : {fold(curve, 60'000), thin(curve, 2)}) {
    std::uint32_t count = 0;
    for (const Extent& extent : fewer.metrics.at("val_loss")) count += extent.count;
    EXPECT_EQ(count, 1U);
  }
}

TEST(Curve, ThinsToTheLimitAndLeavesTheNewestAsItIs) {
  const Curve curve = seconds(1000);
  for (const std::size_t limit : {1U, 2U, 7U, 999U}) {
    const Curve thinned = thin(curve, limit);
    EXPECT_EQ(thinned.size(), limit);
    EXPECT_EQ(thinned.times.back(), 999'000);
    EXPECT_EQ(thinned.metrics.at("loss").back(), extent_of(999));
  }
  EXPECT_EQ(thin(curve, 7).metrics.at("loss").front().low, 0);
  EXPECT_EQ(thin(curve, 0), curve);
}

TEST(Curve, ShowsAWindowByTime) {
  Curve curve = seconds(3);
  add_record(curve, 500, 0, {{"loss", 0.5}});  // came late
  EXPECT_EQ(window(curve, 500, 1000).times, (std::vector<std::int64_t>{500, 1000}));
}

TEST(Curve, LeavesOutWhatCannotBeKept) {
  Curve curve;
  add_record(curve, 0, 0, {{"loss", std::nan("")}, {std::string(kMostNameBytes + 1, 'x'), 1}});
  std::map<std::string, double> many;
  for (std::size_t name = 0; name < 2 * kMostMetrics; ++name) many[std::to_string(name)] = 1;
  add_record(curve, 1, 1, many);
  EXPECT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve.metrics.size(), kMostMetrics);
  EXPECT_EQ(milliseconds_of(std::nan("")), 0);
  EXPECT_EQ(milliseconds_of(1e300), milliseconds_of(1e200));
}

TEST(CurveCodec, GivesBackWhatItTook) {
  Curve curve = seconds(100);
  add_record(curve, -5, std::numeric_limits<std::int64_t>::min(), {{"val_loss", 1e300}});
  add_record(curve, 1'763'715'600'250, std::numeric_limits<std::int64_t>::max(), {});
  EXPECT_EQ(unpack_curve(pack(curve)), curve);
  EXPECT_EQ(unpack_curve(pack({})), Curve{});
  const Curve folded = unpack_curve(pack(fold(seconds(100), 10'000)));  // values are floats by now
  EXPECT_NEAR(folded.metrics.at("loss").front().mean, 4.5, 1e-6);
  EXPECT_EQ(unpack_curve(pack(folded)), folded);
}

TEST(CurveCodec, NeedsFewBytes) {
  const double a_record = static_cast<double>(pack(seconds(1000)).size()) / 1000;
  EXPECT_LT(a_record, 14);
  const Curve folded = fold(seconds(10'000), 10'000);
  EXPECT_LT(static_cast<double>(pack(folded).size()) / static_cast<double>(folded.size()), 18);
}

TEST(CurveCodec, RejectsEveryTruncation) {
  const std::string bytes = pack(fold(seconds(30), 10'000));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(static_cast<void>(unpack_curve(bytes.substr(0, size))), DataError);
  }
  EXPECT_THROW(static_cast<void>(unpack_curve(bytes + "x")), DataError);
}

TEST(Tiers, JoinSmallRowsOnceTheyAreEnough) {
  std::vector<ChunkInfo> chunks;
  for (int id = 1; id < kRecordsAChunk; ++id) chunks.push_back({.id = id, .last = id * 1000, .points = 1});
  EXPECT_FALSE(plan_compaction(chunks, false));
  EXPECT_EQ(plan_compaction(chunks, true)->from.size(), chunks.size());
  chunks.push_back({.id = kRecordsAChunk, .last = kRecordsAChunk * 1000, .points = 1});
  EXPECT_EQ(plan_compaction(chunks, false)->tier, 0);
}

TEST(Tiers, KeepTheNewestRecordsAsTheyCame) {
  std::vector<ChunkInfo> chunks = {{.id = 1, .last = 64'000, .points = 64},
                                   {.id = 2, .last = 5'000'000, .points = 4095}};
  EXPECT_FALSE(plan_compaction(chunks, false));
  chunks.back().points = kRecordsKept;
  const auto fold = plan_compaction(chunks, false);
  ASSERT_TRUE(fold);
  EXPECT_EQ(fold->from, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(fold->tier, 2);  // older than an hour
  EXPECT_FALSE(fold->into);
}

TEST(Tiers, MoveOnWithAge) {
  const std::int64_t day = 86'400'000;
  const std::vector<ChunkInfo> chunks = {{.id = 9, .tier = 0, .last = 40 * day, .points = 64},
                                         {.id = 3, .tier = 2, .last = 40 * day - 2 * day, .points = 256},
                                         {.id = 1, .tier = 3, .last = 40 * day - 3 * day, .points = 200}};
  const auto fold = plan_compaction(chunks, false);
  ASSERT_TRUE(fold);
  EXPECT_EQ(fold->from, (std::vector<std::int64_t>{3}));
  EXPECT_EQ(fold->tier, 3);
  EXPECT_EQ(fold->into, 1);
}

StatusRecord record(int rank, double time, double loss) {
  return {.run_id = "r-0001", .rank = rank, .time = time, .step = 7, .metrics = {{"loss", loss}}};
}

TEST(CurveBuffer, AddsThePointsOfAllRanksTogether) {
  CurveBuffer buffer;
  buffer.add(record(0, 10.1, 1), 10.2);
  buffer.add(record(1, 10.9, 3), 10.9);
  buffer.add(record(0, 11.1, 2), 11.2);  // the next second
  const std::vector<RankCurve> taken = buffer.take();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken[0].rank, kAllRanks);
  EXPECT_EQ(taken[0].curve.metrics.at("loss").front(), (Extent{2, 2, 1, 3}));
  EXPECT_EQ(taken[1].curve.size(), 2U);
  buffer.end("r-0001");
  ASSERT_EQ(buffer.take().size(), 1U);
  EXPECT_TRUE(buffer.take().empty());
}

TEST(CurveBuffer, LeavesOutWhatAnEarlierSchedulerHas) {
  CurveBuffer buffer;
  buffer.restore("r-0001", {{0, 10'500}});
  for (const double time : {10.0, 10.5, 10.5004, 10.6}) buffer.add(record(0, time, 1), 11);
  buffer.add(record(1, 10.0, 1), 11);
  EXPECT_EQ(buffer.take().front().curve.size(), 1U);
}

TEST(CurveBuffer, SaysWhenPointsAreForgotten) {
  CurveBuffer buffer(100);
  EXPECT_EQ(buffer.newest(), 99U);
  EXPECT_TRUE(buffer.after("r-0001", 99, 10)->points.empty());
  EXPECT_FALSE(buffer.after("r-0001", 50, 10));
  EXPECT_FALSE(buffer.after("r-0001", 100, 10));
  for (int second = 0; second < 5; ++second) buffer.add(record(0, second, 1), 1);
  EXPECT_EQ(buffer.after("r-0001", 101, 2)->points.front().sequence, 102U);
  EXPECT_EQ(buffer.after("r-0001", 101, 2)->until, 103U);
  EXPECT_EQ(buffer.after("r-0002", 101, 2)->until, 104U);
  for (std::size_t more = 0; more < CurveBuffer::kMostLive; ++more) buffer.add(record(0, 9, 1), 1);
  EXPECT_FALSE(buffer.after("r-0001", 101, 2));
}

}  // namespace
}  // namespace trireme::launcher
