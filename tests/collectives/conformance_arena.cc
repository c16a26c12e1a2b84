#include <cstring>
#include <vector>

#include "communicator_conformance.h"
#include "reference.h"

// Operations on memory that the communicator allocated, at any offset and mixed with other memory.
namespace trireme::collectives::test {
namespace {

// One that a backend may treat as small, one that it cuts into several pieces.
constexpr std::int64_t kArenaSizes[] = {5001, 100'003};
constexpr std::size_t kArenaBytes = std::size_t{6} << 20;

// Hands out buffers of allocated memory, one behind the other, at addresses that fit nothing but their type.
class Arena {
 public:
  explicit Arena(Communicator& c, std::size_t bytes = kArenaBytes) : memory_(c.allocate(bytes)) {}
  Buffer take(Dtype dtype, std::int64_t count) {
    const auto element = size_of(dtype);
    Buffer buffer{static_cast<std::byte*>(memory_->data()) + used_, count, dtype, {}};
    used_ += (buffer.bytes() / element + 3) * element;
    EXPECT_LE(used_, memory_->bytes());
    return buffer;
  }
  Buffer take(Array content) {
    const auto buffer = take(content.dtype(), content.count());
    copy(content.view(), buffer);
    return buffer;
  }
  void clear() { used_ = 8; }
  static void copy(const Buffer& from, const Buffer& to) {
    if (from.count > 0) std::memcpy(to.data, from.data, from.bytes());
  }

 private:
  MemoryPtr memory_;
  std::size_t used_ = 8;
};

Array content_of(const Buffer& buffer) {
  Array copy(buffer.dtype, buffer.count);
  Arena::copy(buffer, copy.view());
  return copy;
}

TEST_P(CommunicatorConformance, ReducesAllocatedMemory) {
  on_every_rank([](Communicator& c) {
    Arena arena(c);
    for (const auto dtype : {Dtype::kFloat32, Dtype::kBfloat16, Dtype::kInt64}) {
      for (const auto count : kArenaSizes) {
        SCOPED_TRACE(testing::Message() << count << " " << to_string(dtype));
        const auto expected = reduced_samples(dtype, count, c.size(), ReduceOp::kSum);
        arena.clear();
        const auto input = arena.take(sample(dtype, count, c.rank()));
        const auto output = arena.take(dtype, count);
        c.all_reduce(input, output, {.timeout = kPatience})->wait();
        EXPECT_EQ(content_of(output), expected);
        EXPECT_EQ(content_of(input), sample(dtype, count, c.rank()));
        const int root = static_cast<int>(count % c.size());
        c.reduce(input, output, root, {.op = ReduceOp::kMax, .timeout = kPatience})->wait();
        EXPECT_EQ(content_of(output),
                  c.rank() == root ? reduced_samples(dtype, count, c.size(), ReduceOp::kMax) : expected);
        c.all_reduce(input, {.timeout = kPatience})->wait();
        EXPECT_EQ(content_of(input), expected);
      }
    }
  });
}

TEST_P(CommunicatorConformance, ReducesAndScattersAllocatedMemory) {
  on_every_rank([](Communicator& c) {
    Arena arena(c);
    for (const auto count : {std::int64_t{1}, std::int64_t{5001}, std::int64_t{50'021}}) {
      auto all = reduced_samples(Dtype::kFloat32, count * c.size(), c.size(), ReduceOp::kSum);
      const auto expected = part(all, c.rank() * count, count);
      arena.clear();
      const auto input = arena.take(sample(Dtype::kFloat32, count * c.size(), c.rank()));
      const auto output = arena.take(Dtype::kFloat32, count);
      c.reduce_scatter(input, output, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(output), expected);
      const auto own = input.slice(c.rank() * count, count);
      c.reduce_scatter(input, own, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(own), expected);
    }
  });
}

TEST_P(CommunicatorConformance, GathersAllocatedMemory) {
  on_every_rank([](Communicator& c) {
    Arena arena(c);
    for (const auto count : {std::int64_t{7}, std::int64_t{30'011}}) {
      const auto expected = joined_samples(Dtype::kInt32, count, c.size());
      arena.clear();
      const auto input = arena.take(sample(Dtype::kInt32, count, c.rank()));
      const auto output = arena.take(Dtype::kInt32, count * c.size());
      c.all_gather(input, output, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(output), expected);
      const auto in_place = arena.take(Dtype::kInt32, count * c.size());
      const auto own = in_place.slice(c.rank() * count, count);
      Arena::copy(input, own);
      c.all_gather(own, in_place, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(in_place), expected);
      const auto at_root = arena.take(Dtype::kInt32, count * c.size());
      c.gather(input, at_root, c.size() - 1, {.timeout = kPatience})->wait();
      EXPECT_TRUE(c.rank() != c.size() - 1 || content_of(at_root) == expected);
    }
  });
}

TEST_P(CommunicatorConformance, SpreadsAllocatedMemory) {
  on_every_rank([](Communicator& c) {
    Arena arena(c);
    for (const auto count : {std::int64_t{7}, std::int64_t{30'011}}) {
      const int root = c.size() / 2;
      arena.clear();
      const auto everywhere = arena.take(sample(Dtype::kFloat32, count, c.rank()));
      c.broadcast(everywhere, root, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(everywhere), sample(Dtype::kFloat32, count, root));
      auto blocks = sample(Dtype::kFloat32, count * c.size(), root);
      const auto input = arena.take(blocks);
      const auto output = arena.take(Dtype::kFloat32, count);
      c.scatter(input, output, root, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(output), part(blocks, c.rank() * count, count));
    }
  });
}

TEST_P(CommunicatorConformance, ExchangesAllocatedMemoryInPlaceAndNot) {
  on_every_rank([](Communicator& c) {
    Arena arena(c);
    const std::int64_t count = 30'011;
    const auto input = arena.take(sample(Dtype::kFloat32, count * c.size(), c.rank()));
    const auto output = arena.take(Dtype::kFloat32, count * c.size());
    const auto check = [&](const Buffer& result) {
      for (int from = 0; from < c.size(); ++from) {
        auto sent = sample(Dtype::kFloat32, count * c.size(), from);
        EXPECT_EQ(content_of(result.slice(from * count, count)), part(sent, c.rank() * count, count));
      }
    };
    c.all_to_all(input, output, {.timeout = kPatience})->wait();
    check(output);
    // One rank in place, the others not.
    const auto last = c.rank() == c.size() - 1 ? input : output;
    c.all_to_all(input, last, {.timeout = kPatience})->wait();
    check(last);
  });
}

TEST_P(CommunicatorConformance, SomeRanksMayUseOtherMemory) {
  on_every_rank([](Communicator& c) {
    Arena first(c);
    Arena second(c);
    const std::int64_t count = 40'009;
    const auto expected = reduced_samples(Dtype::kFloat32, count, c.size(), ReduceOp::kSum);
    for (int round = 0; round < 4; ++round) {
      auto own = sample(Dtype::kFloat32, count, c.rank());
      first.clear();
      second.clear();
      auto buffer = round % 2 == c.rank() % 2 ? first.take(own) : second.take(own);
      if (round > 1 && c.rank() == round % c.size()) buffer = own.view();
      c.all_reduce(buffer, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(buffer), expected);
    }
  });
}

TEST_P(CommunicatorConformance, AllocatedMemoryServesLaterCommunicatorsToo) {
  on_every_rank([](Communicator& c) {
    const std::int64_t count = 40'009;
    auto maker = c.split(0, c.rank());
    Arena arena(*maker);
    maker.reset();
    auto half = c.split(c.rank() % 2, c.rank());
    for (int round = 0; round < 2; ++round) {
      arena.clear();
      const auto mine = arena.take(sample(Dtype::kFloat32, count, half->rank()));
      half->all_reduce(mine, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(mine), reduced_samples(Dtype::kFloat32, count, half->size(), ReduceOp::kSum));
      const auto everybodys = arena.take(sample(Dtype::kFloat32, count, c.rank()));
      c.all_reduce(everybodys, {.timeout = kPatience})->wait();
      EXPECT_EQ(content_of(everybodys), reduced_samples(Dtype::kFloat32, count, c.size(), ReduceOp::kSum));
    }
  });
}

TEST_P(CommunicatorConformance, ManyReductionsOfAllocatedMemoryMayBeUnderWay) {
  on_every_rank([](Communicator& c) {
    Arena arena(c);
    std::vector<Buffer> buffers;
    std::vector<WorkPtr> works;
    for (int i = 0; i < 40; ++i) {
      buffers.push_back(arena.take(sample(Dtype::kFloat32, 700 * i, c.rank())));
      works.push_back(c.all_reduce(buffers.back(), {.timeout = kPatience}));
    }
    for (int i = 39; i >= 0; --i) {
      works[i]->wait();
      EXPECT_EQ(content_of(buffers[i]), reduced_samples(Dtype::kFloat32, 700 * i, c.size(), ReduceOp::kSum));
    }
  });
}

}  // namespace
}  // namespace trireme::collectives::test
