#include <algorithm>

#include "communicator_conformance.h"
#include "reference.h"

// What the other files leave out of (operation, dtype, reduction, place, address).
namespace trireme::collectives::test {
namespace {

constexpr std::int64_t kCount = 301;

TEST_P(CommunicatorConformance, ReducesEveryDtypeByEveryReductionToTheRoot) {
  on_every_rank([](Communicator& c) {
    int root = 0;
    for (const auto dtype : kAllDtypes) {
      for (const auto op : kAllReduceOps) {
        if (!is_defined(op, dtype)) continue;
        SCOPED_TRACE(testing::Message() << to_string(op) << " of " << to_string(dtype));
        root = (root + 1) % c.size();
        const auto expected = reduced_samples(dtype, kCount, c.size(), op);
        auto input = sample(dtype, kCount, c.rank());
        Array output(dtype, c.rank() == root ? kCount : 0);
        c.reduce(input.view(), output.view(), root, {.op = op, .timeout = kPatience})->wait();
        EXPECT_EQ(output, c.rank() == root ? expected : Array(dtype, 0));
      }
    }
  });
}

TEST_P(CommunicatorConformance, GathersAndScattersInPlace) {
  on_every_rank([](Communicator& c) {
    for (int root = 0; root < c.size(); ++root) {
      for (const std::int64_t count : {std::int64_t{1}, kCount, std::int64_t{20'011}}) {
        const bool is_root = c.rank() == root;
        auto own = sample(Dtype::kInt32, count, c.rank());
        Array all(Dtype::kInt32, is_root ? count * c.size() : 0);
        const auto block = is_root ? all.slice(root * count, count) : own.view();
        if (is_root)
          std::copy_n(static_cast<std::byte*>(own.view().data), block.bytes(), static_cast<std::byte*>(block.data));
        c.gather(block, all.view(), root, {.timeout = kPatience})->wait();
        EXPECT_EQ(all, is_root ? joined_samples(Dtype::kInt32, count, c.size()) : Array(Dtype::kInt32, 0));
        Array received(Dtype::kInt32, count);
        const auto target = is_root ? all.slice(root * count, count) : received.view();
        c.scatter(all.view(), target, root, {.timeout = kPatience})->wait();
        EXPECT_EQ(is_root ? part(all, root * count, count) : received, own);
      }
    }
  });
}

TEST_P(CommunicatorConformance, MovesViewsAtOddAddresses) {
  on_every_rank([](Communicator& c) {
    const int root = c.size() - 1;
    for (const auto dtype : kAllDtypes) {
      SCOPED_TRACE(to_string(dtype));
      auto input = sample(dtype, kCount, c.rank(), true);
      Array gathered(dtype, kCount * c.size(), true);
      c.all_gather(input.view(), gathered.view(), {.timeout = kPatience})->wait();
      EXPECT_EQ(gathered, joined_samples(dtype, kCount, c.size()));
      Array at_root(dtype, c.rank() == root ? kCount * c.size() : 0, true);
      c.gather(input.view(), at_root.view(), root, {.timeout = kPatience})->wait();
      Array output(dtype, kCount, true);
      c.scatter(at_root.view(), output.view(), root, {.timeout = kPatience})->wait();
      EXPECT_EQ(output, input);
      c.broadcast(output.view(), root, {.timeout = kPatience})->wait();
      EXPECT_EQ(output, sample(dtype, kCount, root));
      auto sent = sample(dtype, kCount * c.size(), c.rank(), true);
      Array received(dtype, kCount * c.size(), true);
      c.all_to_all(sent.view(), received.view(), {.timeout = kPatience})->wait();
      auto of_root = sample(dtype, kCount * c.size(), root);
      EXPECT_EQ(part(received, root * kCount, kCount), part(of_root, c.rank() * kCount, kCount));
      Array reduced(dtype, c.rank() == root ? kCount : 0, true);
      c.reduce(input.view(), reduced.view(), root, {.op = ReduceOp::kMax, .timeout = kPatience})->wait();
      const auto expected = reduced_samples(dtype, kCount, c.size(), ReduceOp::kMax);
      EXPECT_EQ(reduced, c.rank() == root ? expected : Array(dtype, 0));
    }
  });
}

}  // namespace
}  // namespace trireme::collectives::test
