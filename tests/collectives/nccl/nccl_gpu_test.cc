#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <numeric>
#include <random>

#include "gpu_ranks.h"
#include "support/thrown_text.h"
#include "trireme/base/error.h"

// What needs a GPU to be seen: device memory, windows, streams, bits, and what NCCL does when a rank is gone.
namespace trireme::collectives::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using trireme::test::text_thrown_by;
using namespace std::chrono_literals;

constexpr std::size_t kCount = 100'003;
constexpr Timeout kPatience = 60s;

// Small whole numbers: their sums are exact in any order.
std::vector<float> numbers_of(int rank, std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>((i * 7 + static_cast<std::size_t>(rank)) % 97);
  return values;
}

std::vector<float> sum_of_all(int ranks, std::size_t count) {
  std::vector<float> sum(count);
  for (int rank = 0; rank < ranks; ++rank) {
    const auto values = numbers_of(rank, count);
    for (std::size_t i = 0; i < count; ++i) sum[i] += values[i];
  }
  return sum;
}

// All operations on device memory: what `make` gives.
void check_operations(const GpuRank& rank, Communicator& c, const std::function<MemoryPtr(std::size_t)>& make) {
  const auto floats = [&](std::size_t count) {
    return make ? std::make_unique<GpuFloats>(make(count * sizeof(float)), count) : std::make_unique<GpuFloats>(count);
  };
  const auto size = static_cast<std::size_t>(c.size());
  const std::size_t block = kCount / size;
  const std::size_t count = block * size;
  const auto whole = floats(count);
  const auto part = floats(block);
  const auto a = whole->view(rank.device);
  const auto b = part->view(rank.device);
  const auto slice = [&](const std::vector<float>& values) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(block) * c.rank();
    return std::vector<float>(first, first + static_cast<std::ptrdiff_t>(block));
  };
  whole->put(numbers_of(c.rank(), count));
  c.all_reduce(a, {.timeout = kPatience})->wait();
  EXPECT_EQ(whole->get(), sum_of_all(c.size(), count));

  whole->put(numbers_of(c.rank(), count));
  c.reduce_scatter(a, b, {.timeout = kPatience})->wait();
  EXPECT_EQ(part->get(), slice(sum_of_all(c.size(), count)));

  c.all_gather(b, a, {.timeout = kPatience})->wait();
  EXPECT_EQ(whole->get(), sum_of_all(c.size(), count));

  whole->put(numbers_of(c.rank(), count));
  c.broadcast(a, 0, {.timeout = kPatience})->wait();
  EXPECT_EQ(whole->get(), numbers_of(0, count));

  whole->put(numbers_of(c.rank(), count));
  c.all_to_all(a, a, {.timeout = kPatience})->wait();
  auto expected = std::vector<float>();
  for (int peer = 0; peer < c.size(); ++peer) {
    const auto theirs = slice(numbers_of(peer, count));
    expected.insert(expected.end(), theirs.begin(), theirs.end());
  }
  EXPECT_EQ(whole->get(), expected);

  whole->put(numbers_of(c.rank(), count));
  c.scatter(a, b, c.size() - 1, {.timeout = kPatience})->wait();
  EXPECT_EQ(part->get(), slice(numbers_of(c.size() - 1, count)));
}

TEST(NcclOnGpu, ReducesAndMovesDeviceMemory) {
  for (const int ranks : {1, 2, 3}) {
    run_gpu_ranks(ranks, [](const GpuRank& rank) {
      const auto c = rank.make("world");
      check_operations(rank, *c, nullptr);
    });
  }
}

TEST(NcclOnGpu, ReducesAndMovesAllocatedMemoryWithWindowsAndWithout) {
  for (const bool symmetric : {true, false}) {
    run_gpu_ranks(2, [&](const GpuRank& rank) {
      const auto c = rank.make("world", {.symmetric_windows = symmetric});
      check_operations(rank, *c, [&](std::size_t bytes) { return c->allocate(bytes); });
    });
  }
}

TEST(NcclOnGpu, AllocatedMemoryIsZeroedAndOutlivesItsCommunicator) {
  run_gpu_ranks(2, [](const GpuRank& rank) {
    auto c = rank.make("first");
    GpuFloats floats(c->allocate(kCount * sizeof(float)), kCount);
    EXPECT_THAT(floats.get(), Each(0.0F));
    c.reset();
    const auto second = rank.make("second");
    floats.put(numbers_of(rank.rank, kCount));
    second->all_reduce(floats.view(rank.device), {.timeout = kPatience})->wait();
    EXPECT_EQ(floats.get(), sum_of_all(2, kCount));
  });
}

TEST(NcclOnGpu, WaitsForTheCallersStreamAndMakesItWait) {
  run_gpu_ranks(2, [](const GpuRank& rank) {
    const auto c = rank.make("world");
    const GpuStream stream;
    GpuFloats first(kCount);
    GpuFloats second(kCount);
    std::vector<WorkPtr> works;
    first.put(numbers_of(rank.rank, kCount));
    second.put(numbers_of(rank.rank, kCount));
    {
      const PostingGroup group(*c);
      works.push_back(c->all_reduce(first.view(rank.device), {.timeout = kPatience, .stream = stream.get()}));
      works.push_back(c->all_reduce(second.view(rank.device), {.timeout = kPatience, .stream = stream.get()}));
    }
    for (const auto& work : works) work->wait(stream.get());
    stream.synchronize();
    EXPECT_EQ(first.get(), sum_of_all(2, kCount));
    EXPECT_EQ(second.get(), sum_of_all(2, kCount));
  });
}

// NCCL sums in an order that it chooses by size, type and topology: the same for the same call on the same machine.
TEST(NcclOnGpu, GivesTheSameBitsOnEveryRankAndFromRunToRun) {
  run_gpu_ranks(3, [](const GpuRank& rank) {
    std::vector<float> input(kCount);
    std::mt19937 random(static_cast<unsigned>(rank.rank));
    for (auto& value : input) value = std::normal_distribution<float>(0, 1)(random);
    std::vector<float> first;
    for (int run = 0; run < 4; ++run) {
      const auto c = rank.make("run" + std::to_string(run));
      GpuFloats floats(kCount);
      floats.put(input);
      c->all_reduce(floats.view(rank.device), {.timeout = kPatience})->wait();
      const auto result = floats.get();
      if (run == 0) first = result;
      EXPECT_EQ(std::memcmp(result.data(), first.data(), kCount * sizeof(float)), 0) << "run " << run;
      const std::string bytes(reinterpret_cast<const char*>(result.data()), kCount * sizeof(float));
      EXPECT_EQ(c->broadcast_bytes(bytes, 0, {.timeout = kPatience}), bytes) << "another rank has other bits";
    }
  });
}

TEST(NcclOnGpu, AHangEndsWhileTheHostIsBlockedInCuda) {
  run_gpu_ranks(2, [](const GpuRank& rank) {
    const auto c = rank.make("world");
    GpuFloats floats(kCount);
    floats.put(numbers_of(rank.rank, kCount));
    c->all_reduce(floats.view(rank.device), {.timeout = kPatience})->wait();
    const GpuStream stream;
    if (rank.rank == 0) {
      c->all_reduce(floats.view(rank.device), {.timeout = 2s})->wait(stream.get());
      stream.synchronize();  // behind a kernel that waits for rank 1, until the watchdog stops it
    }
    const auto text = text_thrown_by<TimeoutError>([&] {
      std::vector<float> never(1);
      c->receive(Buffer{never.data(), 1, Dtype::kFloat32, {}}, 1 - rank.rank, 0, {.timeout = kPatience})->wait();
    });
    EXPECT_THAT(text, AllOf(HasSubstr("all_reduce #2"), HasSubstr("missing rank 1")));
  });
}

TEST(NcclOnGpu, RanksThatDisagreeAreToldBeforeDataIsMixed) {
  run_gpu_ranks(2, [](const GpuRank& rank) {
    const auto c = rank.make("world");
    GpuFloats floats(kCount);
    floats.put(numbers_of(rank.rank, kCount));
    const auto buffer = floats.view(rank.device).slice(0, rank.rank == 0 ? 100 : 99);
    const auto text = text_thrown_by<MismatchError>([&] { c->all_reduce(buffer, {.timeout = kPatience})->wait(); });
    EXPECT_THAT(text,
                AllOf(HasSubstr("rank 0 called all_reduce #1 of 100"), HasSubstr("rank 1 called all_reduce #1 of 99")));
    EXPECT_EQ(floats.get(), numbers_of(rank.rank, kCount));
  });
}

// Rank 1 of 3 is killed; the others go on as `go_on` says.
void lose_rank_1(const std::function<std::unique_ptr<Communicator>(const GpuRank&, Communicator&)>& go_on) {
  const auto body = [&](const GpuRank& rank) {
    const auto c = rank.make("world");
    GpuFloats floats(kCount);
    floats.put(numbers_of(rank.rank, kCount));
    c->all_reduce(floats.view(rank.device), {.timeout = kPatience})->wait();
    if (rank.rank == 1) (void)std::raise(SIGKILL);
    const auto start = std::chrono::steady_clock::now();
    const auto text =
        text_thrown_by<PeerLostError>([&] { c->all_reduce(floats.view(rank.device), {.timeout = kPatience})->wait(); });
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    EXPECT_THAT(text, HasSubstr("rank 1 on node"));
    const auto rest = go_on(rank, *c);
    if (!rest) return ADD_FAILURE() << "no communicator of the survivors";
    EXPECT_EQ(rest->size(), 2);
    floats.put(std::vector<float>(kCount, 1.0F));
    rest->all_reduce(floats.view(rank.device), {.timeout = kPatience})->wait();
    EXPECT_THAT(floats.get(), Each(2.0F));
  };
  run_gpu_ranks(3, body, {1});
}

TEST(NcclOnGpu, SurvivorsOfADeadRankMakeANewCommunicator) {
  lose_rank_1([](const GpuRank& rank, Communicator&) {
    return make_nccl(rank.store, {.rank = rank.rank / 2,
                                  .size = 2,
                                  .device = rank.device,
                                  .name = "survivors",
                                  .timeout = kPatience,
                                  .global_rank = rank.rank});
  });
}

TEST(NcclOnGpu, SurvivorsOfADeadRankShrinkTheOneTheyHad) {
  lose_rank_1([](const GpuRank&, Communicator& failed) { return shrink_nccl(failed, {1}, kPatience); });
}

}  // namespace
}  // namespace trireme::collectives::test
