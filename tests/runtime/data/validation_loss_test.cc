#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "support/temporary_folder.h"
#include "support/thread_ranks.h"
#include "token_files.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/token_loader.h"

namespace trireme {
namespace {

double mean_target(const Batch& batch) { return batch.targets.to(at::kDouble).mean().item<double>(); }

TEST(ValidationLoss, IsTheMeanOverAllTokensAtAnyWorldSize) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("tokens.bin", test::byte_file(test::counting_text(3000))).string();
  double expected = 0;
  for (int position = 2701; position < 3000; ++position) expected += position % 251;
  expected /= 299;

  const auto single = collectives::make_single();
  EXPECT_NEAR(validation_loss(*single, TokenLoader(path, {.length = 16}, {}), mean_target), expected, 1e-9);
  test::run_thread_ranks(3, [&](const test::ThreadRank& rank) {
    const auto communicator = collectives::make_shm(rank.store, {.rank = rank.rank, .size = rank.size});
    const TokenLoader loader(path, {.length = 16}, {rank.rank, rank.size});
    EXPECT_NEAR(validation_loss(*communicator, loader, mean_target), expected, 1e-9);
  });
}

// Units of Zero::kParameters gather in every pass: a rank that made one more would wait for the others forever.
TEST(ValidationLoss, MakesEquallyManyPassesOnEveryRank) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("tokens.bin", test::byte_file(test::counting_text(3000))).string();
  test::run_thread_ranks(3, [&](const test::ThreadRank& rank) {
    const auto communicator = collectives::make_shm(rank.store, {.rank = rank.rank, .size = rank.size});
    const TokenLoader loader(path, {.length = 16}, {rank.rank, rank.size});
    double passes = 0;
    static_cast<void>(validation_loss(*communicator, loader, [&](const Batch& batch) {
      ++passes;
      return mean_target(batch);
    }));
    double most = passes;
    communicator->all_reduce(collectives::view(&most, 1), {.op = collectives::ReduceOp::kMax})->wait();
    EXPECT_EQ(passes, most) << "rank " << rank.rank;
    EXPECT_GT(passes, 0);
  });
}

}  // namespace
}  // namespace trireme
