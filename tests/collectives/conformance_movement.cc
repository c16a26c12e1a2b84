#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "communicator_conformance.h"
#include "reference.h"
#include "trireme/base/error.h"

namespace trireme::collectives::test {
namespace {

// Calls check(dtype, count) for all that can be moved.
template <typename Check>
void for_each_shape(Check&& check) {
  for (const auto dtype : kAllDtypes) {
    for (const auto count : kSizes) {
      SCOPED_TRACE(testing::Message() << count << " " << to_string(dtype));
      check(dtype, count);
    }
  }
}

TEST_P(CommunicatorConformance, AllGatherGivesEverybodyAllBlocks) {
  on_every_rank([](Communicator& c) {
    for_each_shape([&](Dtype dtype, std::int64_t count) {
      const auto expected = joined_samples(dtype, count, c.size());
      auto input = sample(dtype, count, c.rank());
      Array output(dtype, count * c.size(), true);
      c.all_gather(input.view(), output.view(), {.timeout = kPatience})->wait();
      EXPECT_EQ(output, expected);
      Array in_place(dtype, count * c.size());
      const auto own = in_place.slice(c.rank() * count, count);
      c.all_gather(input.view(), in_place.view(), {.timeout = kPatience})->wait();
      c.all_gather(own, in_place.view(), {.timeout = kPatience})->wait();
      EXPECT_EQ(in_place, expected);
    });
  });
}

TEST_P(CommunicatorConformance, GathersBlocksLargerThanAnyStagingArea) {
  on_every_rank([](Communicator& c) {
    const std::int64_t count = (4 << 20) + 13;
    std::vector<std::uint8_t> input(static_cast<std::size_t>(count), static_cast<std::uint8_t>(c.rank() + 1));
    std::vector<std::uint8_t> output(input.size() * static_cast<std::size_t>(c.size()));
    c.all_gather(view(input.data(), count), view(output.data(), count * c.size()), {.timeout = kPatience})->wait();
    for (int rank = 0; rank < c.size(); ++rank) {
      EXPECT_EQ(std::count(output.begin() + rank * count, output.begin() + (rank + 1) * count, rank + 1), count);
    }
  });
}

TEST_P(CommunicatorConformance, BroadcastGivesEverybodyTheRootsBuffer) {
  on_every_rank([](Communicator& c) {
    for (int root = 0; root < c.size(); ++root) {
      for_each_shape([&](Dtype dtype, std::int64_t count) {
        auto buffer = sample(dtype, count, c.rank());
        c.broadcast(buffer.view(), root, {.timeout = kPatience})->wait();
        EXPECT_EQ(buffer, sample(dtype, count, root));
      });
    }
  });
}

TEST_P(CommunicatorConformance, GatherAndScatterAreEachOthersInverse) {
  on_every_rank([](Communicator& c) {
    for (int root = 0; root < c.size(); ++root) {
      for_each_shape([&](Dtype dtype, std::int64_t count) {
        auto input = sample(dtype, count, c.rank());
        Array all(dtype, c.rank() == root ? count * c.size() : 0);
        c.gather(input.view(), all.view(), root, {.timeout = kPatience})->wait();
        EXPECT_EQ(all, c.rank() == root ? joined_samples(dtype, count, c.size()) : Array(dtype, 0));
        Array output(dtype, count);
        c.scatter(all.view(), output.view(), root, {.timeout = kPatience})->wait();
        EXPECT_EQ(output, input);
      });
    }
  });
}

TEST_P(CommunicatorConformance, AllToAllTransposesTheBlocks) {
  on_every_rank([](Communicator& c) {
    for_each_shape([&](Dtype dtype, std::int64_t count) {
      auto input = sample(dtype, count * c.size(), c.rank());
      Array output(dtype, count * c.size());
      c.all_to_all(input.view(), output.view(), {.timeout = kPatience})->wait();
      for (int peer = 0; peer < c.size(); ++peer) {
        auto theirs = sample(dtype, count * c.size(), peer);
        EXPECT_EQ(part(output, peer * count, count), part(theirs, c.rank() * count, count));
      }
      c.all_to_all(input.view(), input.view(), {.timeout = kPatience})->wait();
      EXPECT_EQ(input, output);
    });
  });
}

TEST_P(CommunicatorConformance, MessagesGoRoundARingInAnySize) {
  on_every_rank([this](Communicator& c) {
    const int next = (c.rank() + 1) % c.size();
    const int previous = (c.rank() + c.size() - 1) % c.size();
    for (const std::int64_t count : {0, 1, 1000, 100'003}) {
      auto outgoing = sample(Dtype::kInt64, count, c.rank(), true);
      Array incoming(Dtype::kInt64, count, true);
      const auto sending = c.send(outgoing.view(), next, tag(7), {.timeout = kPatience});
      c.receive(incoming.view(), previous, tag(7), {.timeout = kPatience})->wait();
      sending->wait();
      EXPECT_EQ(incoming, sample(Dtype::kInt64, count, previous));
    }
  });
}

TEST_P(CommunicatorConformance, MessagesMatchByTagAndThenByOrder) {
  on_every_rank([this](Communicator& c) {
    const int next = (c.rank() + 1) % c.size();
    const int previous = (c.rank() + c.size() - 1) % c.size();
    std::vector<std::int32_t> sent = {10, 20, 11, 21};
    std::vector<WorkPtr> works;
    for (auto& value : sent) works.push_back(c.send(view(&value, 1), next, tag(value / 10), {.timeout = kPatience}));
    std::vector<std::int32_t> received(4);
    const bool has_tags = GetParam().has_tags;
    for (const int i : has_tags ? std::array{1, 3, 0, 2} : std::array{0, 1, 2, 3}) {
      works.push_back(c.receive(view(&received[i], 1), previous, tag(sent[i] / 10), {.timeout = kPatience}));
      if (i == 3) works.back()->wait();
    }
    for (auto& work : works) work->wait();
    EXPECT_EQ(received, sent);
    if (has_tags) return;
    EXPECT_THROW((void)c.send(view(&sent[0], 1), next, 1), ConfigError);
  });
}

TEST_P(CommunicatorConformance, AMessageDoesNotWaitForACollectivePostedBeforeIt) {
  on_every_rank([this](Communicator& c) {
    const int next = (c.rank() + 1) % c.size();
    const int previous = (c.rank() + c.size() - 1) % c.size();
    float sum = 1;
    const auto collective = c.all_reduce(view(&sum, 1), {.timeout = kPatience});
    auto outgoing = sample(Dtype::kUint8, 300'000, c.rank());
    Array incoming(Dtype::kUint8, 300'000);
    const auto sending = c.send(outgoing.view(), next, 0, {.timeout = kPatience});
    c.receive(incoming.view(), previous, 0, {.timeout = kPatience})->wait();
    sending->wait();
    collective->wait();
    EXPECT_EQ(incoming, sample(Dtype::kUint8, 300'000, previous));
    EXPECT_EQ(sum, static_cast<float>(c.size()));
  });
}

TEST_P(CommunicatorConformance, BytesOfAnySizeReachEverybody) {
  on_every_rank([](Communicator& c) {
    const auto own = [](int rank) {
      return std::string(static_cast<std::size_t>(rank) * 3000, static_cast<char>('a' + rank));
    };
    const auto all = c.all_gather_bytes(own(c.rank()), {.timeout = kPatience});
    ASSERT_EQ(static_cast<int>(all.size()), c.size());
    for (int rank = 0; rank < c.size(); ++rank) EXPECT_EQ(all[rank], own(rank));
    for (int root = 0; root < c.size(); ++root) {
      EXPECT_EQ(c.broadcast_bytes(c.rank() == root ? own(root) : "ignored", root, {.timeout = kPatience}), own(root));
    }
  });
}

TEST_P(CommunicatorConformance, RejectsArgumentsThatDoNotFitAndGoesOn) {
  on_every_rank([](Communicator& c) {
    Array small(Dtype::kFloat32, 4);
    Array large(Dtype::kFloat32, 4 * c.size() + 1);
    const Buffer nowhere{nullptr, 4, Dtype::kFloat32, {}};
    const Buffer on_gpu{small.view().data, 4, Dtype::kFloat32, {Device::Kind::kCuda, 99}};
    EXPECT_THROW((void)c.all_reduce(nowhere), ConfigError);
    EXPECT_THROW((void)c.all_reduce(on_gpu), ConfigError);
    EXPECT_THROW((void)c.all_reduce(small.view(), large.view(), {}), ConfigError);
    EXPECT_THROW((void)c.all_reduce(large.slice(0, 3), large.slice(1, 3), {}), ConfigError);
    EXPECT_THROW((void)c.all_gather(small.view(), large.view()), ConfigError);
    EXPECT_THROW((void)c.reduce_scatter(large.view(), small.view()), ConfigError);
    EXPECT_THROW((void)c.broadcast(small.view(), c.size()), ConfigError);
    EXPECT_THROW((void)c.send(small.view(), -1, 0), ConfigError);
    EXPECT_THROW((void)c.receive(small.view(), 0, -1), ConfigError);
    c.barrier({.timeout = kPatience});
  });
}

}  // namespace
}  // namespace trireme::collectives::test
