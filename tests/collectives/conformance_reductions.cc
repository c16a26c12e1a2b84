#include <cmath>
#include <limits>
#include <vector>

#include "communicator_conformance.h"
#include "reference.h"
#include "trireme/base/error.h"

namespace trireme::collectives::test {
namespace {

// Calls check(dtype, op, count) for everything that can be reduced.
template <typename Check>
void for_each_reduction(Check&& check) {
  for (const auto dtype : kAllDtypes) {
    for (const auto op : kAllReduceOps) {
      if (!is_defined(op, dtype)) continue;
      for (const auto count : kSizes) {
        SCOPED_TRACE(testing::Message() << to_string(op) << " of " << count << " " << to_string(dtype));
        check(dtype, op, count);
      }
    }
  }
}

TEST_P(CommunicatorConformance, AllReduceGivesTheSumInRankOrderOnEveryRank) {
  on_every_rank([](Communicator& c) {
    for_each_reduction([&](Dtype dtype, ReduceOp op, std::int64_t count) {
      const auto expected = reduced_samples(dtype, count, c.size(), op);
      auto input = sample(dtype, count, c.rank());
      Array output(dtype, count);
      c.all_reduce(input.view(), output.view(), {.op = op, .timeout = kPatience})->wait();
      EXPECT_EQ(output, expected);
      EXPECT_EQ(input, sample(dtype, count, c.rank()));
      c.all_reduce(input.view(), {.op = op, .timeout = kPatience})->wait();
      EXPECT_EQ(input, expected);
    });
  });
}

TEST_P(CommunicatorConformance, ReduceScatterGivesEveryRankItsBlock) {
  on_every_rank([](Communicator& c) {
    for_each_reduction([&](Dtype dtype, ReduceOp op, std::int64_t count) {
      auto all = reduced_samples(dtype, count * c.size(), c.size(), op);
      const auto expected = part(all, c.rank() * count, count);
      auto input = sample(dtype, count * c.size(), c.rank());
      Array output(dtype, count);
      c.reduce_scatter(input.view(), output.view(), {.op = op, .timeout = kPatience})->wait();
      EXPECT_EQ(output, expected);
      c.reduce_scatter(input.view(), input.slice(c.rank() * count, count), {.op = op, .timeout = kPatience})->wait();
      EXPECT_EQ(part(input, c.rank() * count, count), expected);
    });
  });
}

TEST_P(CommunicatorConformance, ReduceGivesTheResultToTheRootAlone) {
  on_every_rank([](Communicator& c) {
    for (int root = 0; root < c.size(); ++root) {
      for (const auto count : kSizes) {
        const auto expected = reduced_samples(Dtype::kFloat32, count, c.size(), ReduceOp::kSum);
        auto input = sample(Dtype::kFloat32, count, c.rank());
        Array output(Dtype::kFloat32, count);
        c.reduce(input.view(), output.view(), root, {.timeout = kPatience})->wait();
        EXPECT_EQ(output, c.rank() == root ? expected : Array(Dtype::kFloat32, count));
        EXPECT_EQ(input, sample(Dtype::kFloat32, count, c.rank()));
        c.reduce(input.view(), input.view(), root, {.timeout = kPatience})->wait();
        EXPECT_EQ(input, c.rank() == root ? expected : sample(Dtype::kFloat32, count, c.rank()));
      }
    }
  });
}

TEST_P(CommunicatorConformance, ReducesViewsAtOddAddresses) {
  on_every_rank([](Communicator& c) {
    for (const auto dtype : kAllDtypes) {
      auto input = sample(dtype, 1021, c.rank(), true);
      Array output(dtype, 1021, true);
      c.all_reduce(input.view(), output.view(), {.timeout = kPatience})->wait();
      EXPECT_EQ(output, reduced_samples(dtype, 1021, c.size(), ReduceOp::kSum));
      Array block(dtype, 1021 / c.size(), true);
      c.reduce_scatter(input.slice(0, block.count() * c.size()), block.view(), {.timeout = kPatience})->wait();
      auto all = reduced_samples(dtype, block.count() * c.size(), c.size(), ReduceOp::kSum);
      EXPECT_EQ(block, part(all, c.rank() * block.count(), block.count()));
    }
  });
}

TEST_P(CommunicatorConformance, BitsDoNotDependOnHowABufferIsCut) {
  on_every_rank([](Communicator& c) {
    const std::int64_t count = 4001;
    auto whole = sample(Dtype::kFloat32, count, c.rank());
    c.all_reduce(whole.view(), {.timeout = kPatience})->wait();
    for (const std::int64_t bucket : {1000, 1733, 4000}) {
      auto cut = sample(Dtype::kFloat32, count, c.rank());
      for (std::int64_t first = 0; first < count; first += bucket) {
        c.all_reduce(cut.slice(first, std::min(bucket, count - first)), {.timeout = kPatience})->wait();
      }
      EXPECT_EQ(cut, whole);
    }
  });
}

TEST_P(CommunicatorConformance, ReducesBuffersLargerThanAnyStagingArea) {
  const std::int64_t count = 1'100'003;
  const auto expected = reduced_samples(Dtype::kFloat64, count, GetParam().ranks, ReduceOp::kSum);
  on_every_rank([&](Communicator& c) {
    auto buffer = sample(Dtype::kFloat64, count, c.rank());
    c.all_reduce(buffer.view(), {.timeout = kPatience})->wait();
    EXPECT_EQ(buffer, expected);
  });
}

TEST_P(CommunicatorConformance, ManyReductionsInFlightCanBeWaitedForInAnyOrder) {
  on_every_rank([](Communicator& c) {
    std::vector<Array> buffers;
    std::vector<WorkPtr> works;
    for (int i = 0; i < 40; ++i) buffers.push_back(sample(Dtype::kFloat32, 37 * i, c.rank()));
    for (auto& buffer : buffers) works.push_back(c.all_reduce(buffer.view(), {.timeout = kPatience}));
    for (int i = 39; i >= 0; i -= 2) works[i]->wait();
    for (auto& work : works) work->wait();
    for (auto& buffer : buffers) {
      EXPECT_EQ(buffer, reduced_samples(Dtype::kFloat32, buffer.count(), c.size(), ReduceOp::kSum));
    }
  });
}

TEST_P(CommunicatorConformance, DoneAloneBringsAnOperationToItsEnd) {
  on_every_rank([](Communicator& c) {
    auto buffer = sample(Dtype::kFloat64, 5001, c.rank());
    const auto work = c.all_reduce(buffer.view(), {.timeout = kPatience});
    while (!work->done()) {
    }
    EXPECT_EQ(work->error(), nullptr);
    EXPECT_EQ(buffer, reduced_samples(Dtype::kFloat64, 5001, c.size(), ReduceOp::kSum));
  });
}

TEST_P(CommunicatorConformance, MinAndMaxGiveNanWhereAnyRankHasOne) {
  on_every_rank([](Communicator& c) {
    for (int nan_rank = 0; nan_rank < c.size(); ++nan_rank) {
      for (const auto op : {ReduceOp::kMin, ReduceOp::kMax}) {
        std::vector<float> values = {1.0F + static_cast<float>(c.rank()), 2.0F};
        if (c.rank() == nan_rank) values[0] = std::numeric_limits<float>::quiet_NaN();
        c.all_reduce(view(values.data(), 2), {.op = op, .timeout = kPatience})->wait();
        EXPECT_TRUE(std::isnan(values[0]));
        EXPECT_EQ(values[1], 2.0F);
      }
    }
  });
}

TEST_P(CommunicatorConformance, RejectsTheAverageOfIntegersAndGoesOn) {
  on_every_rank([](Communicator& c) {
    for (const auto dtype : {Dtype::kUint8, Dtype::kInt32, Dtype::kInt64}) {
      Array buffer(dtype, 4);
      EXPECT_THROW((void)c.all_reduce(buffer.view(), {.op = ReduceOp::kAverage}), ConfigError);
    }
    c.barrier({.timeout = kPatience});
  });
}

}  // namespace
}  // namespace trireme::collectives::test
