#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "../../bench/collectives/measure/exchange_buffers.h"
#include "../../bench/collectives/measure/pattern.h"
#include "../../bench/collectives/measure/start_line.h"

namespace trireme::bench {
namespace {

constexpr std::int64_t kCount = 200'000;

TEST(Pattern, FindsNothingWrongInWhatItWrote) {
  std::vector<float> data(kCount);
  write_pattern(data.data(), 77, kCount, {3, 9});
  EXPECT_EQ(count_wrong_copies(data.data(), 77, kCount, {3, 9}), 0);
}

TEST(Pattern, CountsEachWrongElement) {
  std::vector<float> data(kCount);
  write_pattern(data.data(), 0, kCount, {});
  data[5] += 1;
  data[kCount - 1] = 0;
  EXPECT_EQ(count_wrong_copies(data.data(), 0, kCount, {}), 2);
}

TEST(Pattern, TellsAnotherRankIterationAndPlaceApart) {
  std::vector<float> data(kCount);
  write_pattern(data.data(), 0, kCount, {1, 4});
  EXPECT_EQ(count_wrong_copies(data.data(), 0, kCount, {2, 4}), kCount);
  EXPECT_EQ(count_wrong_copies(data.data(), 0, kCount, {1, 5}), kCount);
  for (const std::int64_t shift : {1, 16, 64, 4096, 65536, 1 << 20}) {
    EXPECT_GT(count_wrong_copies(data.data(), shift, kCount, {1, 4}), kCount / 2) << shift;
  }
}

TEST(Pattern, SumsAreExact) {
  constexpr int kRanks = 8;
  std::vector<float> sum(kCount, 0.0F);
  std::vector<float> own(kCount);
  for (int rank = kRanks - 1; rank >= 0; --rank) {
    write_pattern(own.data(), 0, kCount, {rank, 2});
    std::transform(sum.begin(), sum.end(), own.begin(), sum.begin(), [](float a, float b) { return a + b; });
  }
  EXPECT_EQ(count_wrong_sums(sum.data(), 0, kCount, kRanks, 2), 0);
  EXPECT_EQ(count_wrong_sums(sum.data(), 0, kCount, kRanks - 1, 2), kCount);
}

TEST(Samples, MedianAndNinthDecile) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 3);
  EXPECT_EQ(ninth_decile({10, 9, 8, 7, 6, 5, 4, 3, 2, 1}), 9);
  EXPECT_EQ(ninth_decile({7}), 7);
}

// A world of one whose operations a test writes.
class ScriptedSystem final : public System {
 public:
  explicit ScriptedSystem(std::function<void(const Exchange&)> run) : run_(std::move(run)) {}
  [[nodiscard]] bool prefers_in_place(Operation) const override { return true; }
  [[nodiscard]] Region allocate(std::int64_t count, BufferKind) override { return allocate_foreign(count); }
  void run(const Exchange& exchange) override { run_(exchange); }

 private:
  std::function<void(const Exchange&)> run_;
};

// What measure() finds for a world of one.
Measurement measure_alone(const Request& request, const std::function<void(const Exchange&)>& run) {
  std::vector<std::byte> page(StartLine::page_bytes());
  StartLine line(page.data(), 0, 1);
  ScriptedSystem system(run);
  return measure(system, line, 0, 1, request);
}

TEST(Measure, FindsARightOperationRight) {
  const Request request{Operation::kAllReduce, 4096, BufferKind::kForeign, 0.0, 7};
  const Measurement found = measure_alone(request, [](const Exchange&) {});
  EXPECT_EQ(found.wrong, 0);
  EXPECT_EQ(found.samples, 7);
  EXPECT_GT(found.median_us, 0);
  EXPECT_GE(found.p90_us, found.median_us);
}

TEST(Measure, CountsWhatEveryOperationLosesWarmUpsIncluded) {
  const Request request{Operation::kAllReduce, 4096, BufferKind::kForeign, 0.0, 7};
  const Measurement found = measure_alone(request, [](const Exchange& exchange) { exchange.output[100] += 1; });
  EXPECT_EQ(found.wrong, 10);
}

TEST(Measure, NoticesAnOperationThatDoesNothing) {
  const Request request{Operation::kAllToAll, 4096, BufferKind::kForeign, 0.0, 5};
  const Measurement found = measure_alone(request, [](const Exchange&) {});
  EXPECT_EQ(found.wrong, 8 * 1024);
}

TEST(Measure, RejectsBytesThatCannotBeCut) {
  std::vector<std::byte> page(StartLine::page_bytes());
  StartLine line(page.data(), 0, 1);
  ScriptedSystem system([](const Exchange&) {});
  const Request odd{Operation::kAllReduce, 7};
  EXPECT_THROW((ExchangeBuffers{system, odd, 0, 1}), std::invalid_argument);
  const Request uneven{Operation::kAllGather, 16};
  EXPECT_THROW((ExchangeBuffers{system, uneven, 0, 3}), std::invalid_argument);
}

// Runs `body(rank, line)` on `ranks` threads with one start line.
template <class Body>
void run_ranks(int ranks, Body body) {
  std::vector<std::byte> page(StartLine::page_bytes());
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      StartLine line(page.data(), rank, ranks);
      body(rank, line);
    });
  }
}

TEST(StartLine, GivesEveryRankTheLargestAndTheSum) {
  run_ranks(3, [](int rank, StartLine& line) {
    for (int round = 0; round < 100; ++round) {
      EXPECT_EQ(line.largest(rank == round % 3 ? 10.0 + round : rank), 10.0 + round);
      EXPECT_EQ(line.sum(rank + round), 3 + 3 * round);
      EXPECT_EQ(line.largest_of_each({double(rank), -double(rank)}), (std::vector<double>{2, 0}));
    }
  });
}

TEST(Measure, TakesTheSlowestRanksTime) {
  run_ranks(2, [](int rank, StartLine& line) {
    ScriptedSystem system([rank](const Exchange&) {
      const auto start = std::chrono::steady_clock::now();
      while (rank == 1 && std::chrono::steady_clock::now() - start < std::chrono::milliseconds(2)) {
      }
    });
    const Measurement found = measure(system, line, rank, 2, {Operation::kBarrier, 0, BufferKind::kForeign, 0.0, 5});
    EXPECT_GE(found.median_us, 2000);
  });
}

}  // namespace
}  // namespace trireme::bench
