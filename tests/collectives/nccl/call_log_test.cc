#include "nccl/call_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nccl/nccl_group.h"
#include "trireme/base/error.h"

namespace trireme::collectives {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Call all_reduce(std::uint64_t sequence, std::int64_t count, std::uint64_t place = 0) {
  return {.signature = {.sequence = sequence, .count = count, .kind = OpKind::kAllReduce, .dtype = Dtype::kFloat32},
          .input_place = place,
          .output_place = place};
}
Call message_of(OpKind kind, std::uint64_t sequence, std::int64_t count, int source, int target) {
  return {.signature = {.sequence = sequence,
                        .count = count,
                        .root = kind == OpKind::kSend ? target : source,
                        .kind = kind,
                        .dtype = Dtype::kFloat32},
          .source = source,
          .target = target};
}
std::optional<Standing> standing_of(const std::vector<Call>& calls) {
  CallLog log;
  for (const auto& call : calls) log.add(call);
  return log.standing();
}

TEST(CallLog, HasTheSameHashForTheSameCallsInTheSameOrderOnly) {
  CallLog a;
  CallLog b;
  CallLog swapped;
  for (auto* log : {&a, &b}) {
    log->add(all_reduce(1, 8));
    log->add(message_of(OpKind::kSend, 1, 3, 0, 1));  // ranks send and receive different things
    log->add(all_reduce(2, 9));
  }
  swapped.add(all_reduce(1, 9));
  swapped.add(all_reduce(2, 8));
  EXPECT_EQ(a.hash(), b.hash());
  EXPECT_NE(a.hash(), swapped.hash());
  EXPECT_EQ(a.collectives(), 2U);
}

TEST(CallLog, KeepsTheLastCalls) {
  CallLog log;
  for (std::uint64_t i = 1; i <= CallLog::kKept + 5; ++i) log.add(all_reduce(i, 1));
  const auto standing = log.standing();
  ASSERT_EQ(standing.calls.size(), CallLog::kKept);
  EXPECT_EQ(standing.calls.front().signature.sequence, 6U);
  EXPECT_EQ(standing.collectives, CallLog::kKept + 5);
}

TEST(Standing, SurvivesTheStore) {
  auto standing = *standing_of({all_reduce(1, 8), message_of(OpKind::kReceive, 1, 3, 1, 0)});
  standing.alarm = 7;
  const auto copy = Standing::decode(standing.encode());
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->calls, standing.calls);
  EXPECT_EQ(copy->alarm, 7U);
  EXPECT_EQ(copy->collectives, 1U);
}

TEST(Standing, RefusesBytesThatAreNone) {
  const auto good = standing_of({all_reduce(1, 8)})->encode();
  EXPECT_FALSE(Standing::decode(""));
  EXPECT_FALSE(Standing::decode(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(Standing::decode(good + "x"));
  EXPECT_FALSE(Standing::decode(std::string(good.size(), 'x')));
}

TEST(FindDisagreement, ShowsEverySideOfTheFirstCallThatDiffers) {
  const std::vector<std::optional<Standing>> ranks = {
      standing_of({all_reduce(1, 8), all_reduce(2, 9), all_reduce(3, 1)}),
      standing_of({all_reduce(1, 8), all_reduce(2, 10), all_reduce(3, 2)}),
      standing_of({all_reduce(1, 8), all_reduce(2, 9)}), std::nullopt};
  EXPECT_EQ(find_disagreement(ranks).value_or(""),
            "ranks called different operations: rank 0, 2 called all_reduce #2 of 9 float32, sum; rank 1 called "
            "all_reduce #2 of 10 float32, sum. Make every rank call the same operations in the same order with the "
            "same counts");
}

TEST(FindDisagreement, SeesNoneWhereARankIsOnlySlow) {
  const std::vector<std::optional<Standing>> ranks = {standing_of({all_reduce(1, 8), all_reduce(2, 9)}),
                                                      standing_of({all_reduce(1, 8)}), standing_of({}), std::nullopt};
  EXPECT_EQ(find_disagreement(ranks), std::nullopt);
}

TEST(FindDisagreement, ComparesAMessageWithItsOtherEnd) {
  const auto sent = message_of(OpKind::kSend, 1, 5, 0, 1);
  const std::vector<std::optional<Standing>> fitting = {standing_of({sent}),
                                                        standing_of({message_of(OpKind::kReceive, 1, 5, 0, 1)})};
  const std::vector<std::optional<Standing>> others = {standing_of({sent}),
                                                       standing_of({message_of(OpKind::kReceive, 1, 6, 0, 1)})};
  EXPECT_EQ(find_disagreement(fitting), std::nullopt);
  EXPECT_THAT(find_disagreement(others).value_or(""),
              AllOf(HasSubstr("send #1 of 5 float32"), HasSubstr("receive #1 of 6 float32")));
}

TEST(FindDisagreement, SeesBuffersAtDifferentPlacesOfAllocatedMemory) {
  const std::uint64_t place = std::uint64_t{2} << 48 | 4096;
  const std::vector<std::optional<Standing>> ranks = {standing_of({all_reduce(1, 8, place)}),
                                                      standing_of({all_reduce(1, 8)})};
  EXPECT_THAT(find_disagreement(ranks).value_or(""),
              AllOf(HasSubstr("allocate() 2 at byte 4096"), HasSubstr("memory of its own")));
}

TEST(NcclIds, AreMadeByTheFirstRankOfEachBlock) {
  EXPECT_EQ(id_count(1, 128), 1);
  EXPECT_EQ(id_count(128, 128), 1);
  EXPECT_EQ(id_count(300, 128), 3);
  std::vector<int> makers;
  for (int index = 0; index < 3; ++index) makers.push_back(id_maker(index, 11, 3));
  EXPECT_THAT(makers, testing::ElementsAre(0, 4, 8));
}

TEST(NcclVersion, MustNotBeOlderThanTheOneBuiltWith) {
  EXPECT_NO_THROW(check_versions({.built = 22809, .loaded = 22809}));
  EXPECT_NO_THROW(check_versions({.built = 22809, .loaded = 22901}));
  EXPECT_THROW(check_versions({.built = 22809, .loaded = 30000}), ConfigError);
  try {
    check_versions({.built = 22809, .loaded = 22705});
    FAIL() << "threw nothing";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("needs NCCL 2.28.9"), HasSubstr("is 2.27.5"), HasSubstr("ldd")));
  }
}

}  // namespace
}  // namespace trireme::collectives
