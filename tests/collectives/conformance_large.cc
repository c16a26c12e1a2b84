#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "communicator_conformance.h"

// Every operation on blocks larger than any backend's pieces, with values that need no reference to be computed.
namespace trireme::collectives::test {
namespace {

using Values = std::vector<std::int32_t>;

constexpr std::int64_t kBlock = 70'001;

std::int32_t value_of(int rank, std::int64_t i) { return static_cast<std::int32_t>(1'000'003LL * rank + i); }

// Elements [first, first + count) of a rank's values.
Values values_of(int rank, std::int64_t first, std::int64_t count) {
  Values values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), value_of(rank, first));
  return values;
}

// The same of the sum over ranks.
Values sums(int ranks, std::int64_t first, std::int64_t count) {
  const std::int64_t of_ranks = 1'000'003LL * ranks * (ranks - 1) / 2;
  Values values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(of_ranks + ranks * (first + i));
  }
  return values;
}

Values block_of(const Values& whole, int index) {
  return {whole.begin() + index * kBlock, whole.begin() + (index + 1) * kBlock};
}

Buffer all(Values& values) { return view(values.data(), static_cast<std::int64_t>(values.size())); }

TEST_P(CommunicatorConformance, LargeBlocksAreReducedAndScattered) {
  on_every_rank([](Communicator& c) {
    const auto expected = sums(c.size(), c.rank() * kBlock, kBlock);
    auto input = values_of(c.rank(), 0, kBlock * c.size());
    Values output(kBlock);
    c.reduce_scatter(all(input), all(output), {.timeout = kPatience})->wait();
    EXPECT_EQ(output, expected);
    c.reduce_scatter(all(input), all(input).slice(c.rank() * kBlock, kBlock), {.timeout = kPatience})->wait();
    EXPECT_EQ(block_of(input, c.rank()), expected);
  });
}

TEST_P(CommunicatorConformance, LargeBuffersAreReducedToTheRootAlone) {
  on_every_rank([](Communicator& c) {
    const int root = c.size() - 1;
    const auto expected = c.rank() == root ? sums(c.size(), 0, kBlock) : values_of(c.rank(), 0, kBlock);
    auto buffer = values_of(c.rank(), 0, kBlock);
    c.reduce(all(buffer), all(buffer), root, {.timeout = kPatience})->wait();
    EXPECT_EQ(buffer, expected);
  });
}

TEST_P(CommunicatorConformance, LargeBuffersAreBroadcastAndScatteredAndGathered) {
  on_every_rank([](Communicator& c) {
    const int root = c.size() - 1;
    auto whole = values_of(c.rank(), 0, kBlock * c.size());
    Values own(kBlock);
    c.scatter(all(whole), all(own), root, {.timeout = kPatience})->wait();
    EXPECT_EQ(own, values_of(root, c.rank() * kBlock, kBlock));
    Values gathered(whole.size());
    c.gather(all(own), all(gathered), root, {.timeout = kPatience})->wait();
    EXPECT_EQ(gathered, c.rank() == root ? whole : Values(whole.size()));
    c.broadcast(all(whole), root, {.timeout = kPatience})->wait();
    EXPECT_EQ(whole, values_of(root, 0, kBlock * c.size()));
  });
}

TEST_P(CommunicatorConformance, LargeBlocksAreTransposedInPlaceAndNot) {
  on_every_rank([](Communicator& c) {
    auto input = values_of(c.rank(), 0, kBlock * c.size());
    Values output(input.size());
    c.all_to_all(all(input), all(output), {.timeout = kPatience})->wait();
    for (int peer = 0; peer < c.size(); ++peer) {
      EXPECT_EQ(block_of(output, peer), values_of(peer, c.rank() * kBlock, kBlock));
    }
    c.all_to_all(all(input), all(input), {.timeout = kPatience})->wait();
    EXPECT_EQ(input, output);
  });
}

TEST_P(CommunicatorConformance, OperationsOnTheSameMemoryRunInTheOrderPosted) {
  on_every_rank([](Communicator& c) {
    auto buffer = values_of(0, 0, kBlock);
    std::vector<WorkPtr> works;
    for (int i = 0; i < 3; ++i) works.push_back(c.all_reduce(all(buffer), {.timeout = kPatience}));
    Values copy(buffer.size() * static_cast<std::size_t>(c.size()));
    works.push_back(c.all_gather(all(buffer), all(copy), {.timeout = kPatience}));
    for (auto& work : works) work->wait();
    const auto factor = static_cast<std::int32_t>(c.size() * c.size() * c.size());
    for (std::size_t i = 0; i < copy.size(); i += 1009) {
      EXPECT_EQ(copy[i], static_cast<std::int32_t>(i % static_cast<std::size_t>(kBlock)) * factor);
    }
  });
}

TEST_P(CommunicatorConformance, LargeAndSmallOperationsInFlightDoNotDisturbEachOther) {
  on_every_rank([](Communicator& c) {
    constexpr int kOperations = 12;
    std::vector<Values> buffers;
    for (int i = 0; i < kOperations; ++i) buffers.push_back(values_of(c.rank(), 0, i % 3 == 0 ? kBlock : 100 + i));
    std::vector<WorkPtr> works;
    for (auto& buffer : buffers) works.push_back(c.all_reduce(all(buffer), {.timeout = kPatience}));
    works.back()->wait();
    for (auto& work : works) work->wait();
    for (auto& buffer : buffers) EXPECT_EQ(buffer, sums(c.size(), 0, static_cast<std::int64_t>(buffer.size())));
  });
}

}  // namespace
}  // namespace trireme::collectives::test
