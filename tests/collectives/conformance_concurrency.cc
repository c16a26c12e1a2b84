#include <deque>
#include <memory>
#include <vector>

#include "communicator_conformance.h"
#include "reference.h"

// Several groups and many operations at once.
namespace trireme::collectives::test {
namespace {

TEST_P(CommunicatorConformance, OperationsOfAllKindsMayBeInFlightTogether) {
  on_every_rank([](Communicator& c) {
    constexpr std::int64_t kBlock = 613;
    constexpr int kRounds = 12;
    std::deque<Array> sums, gathered, blocks, everywhere, exchanged;
    std::vector<WorkPtr> works;
    const auto post = [&](WorkPtr work) { works.push_back(std::move(work)); };
    std::deque<Array> inputs;
    for (int i = 0; i < kRounds; ++i) {
      const int root = i % c.size();
      auto& input = inputs.emplace_back(sample(Dtype::kFloat32, kBlock * c.size(), c.rank()));
      post(c.all_reduce(sums.emplace_back(sample(Dtype::kFloat32, kBlock + i, c.rank())).view(),
                        {.timeout = kPatience}));
      post(c.all_gather(input.slice(0, kBlock), gathered.emplace_back(Dtype::kFloat32, kBlock * c.size()).view(),
                        {.timeout = kPatience}));
      post(c.reduce_scatter(input.view(), blocks.emplace_back(Dtype::kFloat32, kBlock).view(), {.timeout = kPatience}));
      post(c.broadcast(everywhere.emplace_back(sample(Dtype::kFloat32, i, c.rank())).view(), root,
                       {.timeout = kPatience}));
      post(c.all_to_all(input.view(), exchanged.emplace_back(Dtype::kFloat32, kBlock * c.size()).view(),
                        {.timeout = kPatience}));
    }
    for (auto work = works.rbegin(); work != works.rend(); ++work) (*work)->wait();
    auto all = reduced_samples(Dtype::kFloat32, kBlock * c.size(), c.size(), ReduceOp::kSum);
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_EQ(sums[i], reduced_samples(Dtype::kFloat32, kBlock + i, c.size(), ReduceOp::kSum));
      EXPECT_EQ(gathered[i], joined_samples(Dtype::kFloat32, kBlock, c.size()));
      EXPECT_EQ(blocks[i], part(all, c.rank() * kBlock, kBlock));
      EXPECT_EQ(everywhere[i], sample(Dtype::kFloat32, i, i % c.size()));
      auto theirs = sample(Dtype::kFloat32, kBlock * c.size(), 0);
      EXPECT_EQ(part(exchanged[i], 0, kBlock), part(theirs, c.rank() * kBlock, kBlock));
    }
  });
}

// Every rank is in four groups that cut the world differently, and has several operations of each under way.
TEST_P(CommunicatorConformance, OverlappingGroupsWorkAtTheSameTime) {
  on_every_rank([](Communicator& c) {
    std::vector<std::unique_ptr<Communicator>> groups;
    groups.push_back(c.split(0, c.rank()));
    groups.push_back(c.split(c.rank() % 2, c.rank()));
    groups.push_back(c.split(c.rank() / 2, -c.rank()));
    groups.push_back(c.split(c.rank() == 0 ? 0 : 1, c.rank()));
    std::deque<Array> buffers;
    std::vector<WorkPtr> works;
    for (int round = 0; round < 10; ++round) {
      for (const auto& group : groups) {
        buffers.push_back(sample(Dtype::kInt64, 97 * round, group->rank()));
        works.push_back(group->all_reduce(buffers.back().view(), {.timeout = kPatience}));
      }
    }
    for (std::size_t i = 0; i < works.size(); ++i) {
      works[i]->wait();
      const auto& group = *groups[i % groups.size()];
      const auto round = static_cast<std::int64_t>(i / groups.size());
      EXPECT_EQ(buffers[i], reduced_samples(Dtype::kInt64, 97 * round, group.size(), ReduceOp::kSum));
    }
  });
}

}  // namespace
}  // namespace trireme::collectives::test
