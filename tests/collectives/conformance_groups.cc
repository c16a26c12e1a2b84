#include <algorithm>
#include <cstdint>
#include <vector>

#include "communicator_conformance.h"
#include "reference.h"
#include "trireme/base/error.h"

namespace trireme::collectives::test {
namespace {

constexpr std::uintptr_t kHugePage = std::uintptr_t{2} << 20;

TEST_P(CommunicatorConformance, SplitOrdersItsRanksByKeyAndThenByRank) {
  on_every_rank([](Communicator& c) {
    const auto reversed = c.split(0, -c.rank());
    EXPECT_EQ(reversed->size(), c.size());
    EXPECT_EQ(reversed->rank(), c.size() - 1 - c.rank());
    const auto same = c.split(5, 1);
    EXPECT_EQ(same->rank(), c.rank());
    EXPECT_EQ(same->backend(), c.backend());
  });
}

TEST_P(CommunicatorConformance, ANegativeColorGetsNoCommunicator) {
  on_every_rank([](Communicator& c) {
    const auto first_alone = c.split(c.rank() == 0 ? 0 : -1, 0);
    EXPECT_EQ(first_alone != nullptr, c.rank() == 0);
    EXPECT_EQ(first_alone ? first_alone->size() : 1, 1);
    c.barrier({.timeout = kPatience});
  });
}

TEST_P(CommunicatorConformance, SubgroupsReduceAmongThemselvesWhileTheParentDoesToo) {
  on_every_rank([](Communicator& c) {
    const auto half = c.split(c.rank() % 2, c.rank());
    auto ours = sample(Dtype::kFloat32, 3001, half->rank());
    auto everybodys = sample(Dtype::kFloat32, 2001, c.rank());
    const auto of_parent = c.all_reduce(everybodys.view(), {.timeout = kPatience});
    const auto of_half = half->all_reduce(ours.view(), {.timeout = kPatience});
    of_half->wait();
    of_parent->wait();
    EXPECT_EQ(ours, reduced_samples(Dtype::kFloat32, 3001, half->size(), ReduceOp::kSum));
    EXPECT_EQ(everybodys, reduced_samples(Dtype::kFloat32, 2001, c.size(), ReduceOp::kSum));
  });
}

TEST_P(CommunicatorConformance, ASubgroupCanBeSplitAgain) {
  on_every_rank([](Communicator& c) {
    const auto half = c.split(c.rank() / 2, 0);
    const auto alone = half->split(half->rank(), 0);
    EXPECT_EQ(alone->size(), 1);
    std::int32_t value = c.rank();
    half->all_reduce(view(&value, 1), {.op = ReduceOp::kMax, .timeout = kPatience})->wait();
    EXPECT_EQ(value, std::min(c.rank() / 2 * 2 + 1, c.size() - 1));
  });
}

TEST_P(CommunicatorConformance, AllocatedMemoryIsZeroedAlignedAndOutlivesItsCommunicator) {
  on_every_rank([](Communicator& c) {
    auto group = c.split(0, c.rank());
    const auto memory = group->allocate(5 * 1024);
    const auto more = group->allocate(3 << 20);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->data()) % kHugePage, 0U);
    EXPECT_EQ(memory->bytes(), 5U * 1024);
    auto* values = static_cast<float*>(memory->data());
    EXPECT_TRUE(std::all_of(values, values + 1280, [](float value) { return value == 0; }));
    std::fill(values, values + 1280, 1.0F);
    group->all_reduce(view(values, 1280), {.timeout = kPatience})->wait();
    EXPECT_EQ(group->allocate(0)->bytes(), 0U);
    group.reset();
    EXPECT_TRUE(std::all_of(values, values + 1280, [&](float value) { return value == static_cast<float>(c.size()); }));
    c.all_reduce(view(values, 1280), {.timeout = kPatience})->wait();
    EXPECT_EQ(values[1279], static_cast<float>(c.size() * c.size()));
  });
}

}  // namespace
}  // namespace trireme::collectives::test
