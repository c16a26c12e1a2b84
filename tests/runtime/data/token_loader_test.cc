#include "trireme/runtime/token_loader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "token_files.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

class TokenLoaderTest : public testing::Test {
 protected:
  TokenLoader loader(const TokenLoaderOptions& options, const LoaderShare& share = {}) const {
    return TokenLoader(path_, options, share);
  }
  // The global batch of the next step, put together from the ranks' shares.
  at::Tensor global_batch(const TokenLoaderOptions& options, int world_size, std::int64_t position) const {
    std::vector<at::Tensor> parts;
    for (int rank = 0; rank < world_size; ++rank) {
      TokenLoader one = loader(options, {rank, world_size});
      one.seek(position);
      parts.push_back(one.next().inputs);
    }
    return at::cat(parts);
  }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.write("tokens.bin", test::byte_file(test::counting_text(2000))).string();
};

TEST_F(TokenLoaderTest, GivesTheSameGlobalBatchAtAnyWorldSize) {
  const TokenLoaderOptions options{.global_batch = 7, .length = 16, .seed = 3};
  const at::Tensor alone = global_batch(options, 1, 5);
  for (const int world_size : {2, 3, 4, 7, 9}) EXPECT_TRUE(at::equal(global_batch(options, world_size, 5), alone));
}

TEST_F(TokenLoaderTest, GivesSharesThatDifferByAtMostOneRow) {
  std::vector<std::int64_t> rows;
  for (int rank = 0; rank < 4; ++rank) {
    TokenLoader one = loader({.global_batch = 6, .length = 16}, {rank, 4});
    const Batch batch = one.next();
    EXPECT_EQ(batch.samples, batch.inputs.size(0));
    EXPECT_EQ(batch.global_samples, 6);
    rows.push_back(batch.samples);
  }
  EXPECT_EQ(rows, (std::vector<std::int64_t>{2, 2, 1, 1}));
}

TEST_F(TokenLoaderTest, GivesEmptySharesWhenThereAreMoreRanksThanRows) {
  TokenLoader last = loader({.global_batch = 2, .length = 16}, {2, 3});
  const Batch batch = last.next();
  EXPECT_EQ(batch.inputs.sizes(), at::IntArrayRef({0, 16}));
  EXPECT_EQ(batch.samples, 0);
}

TEST_F(TokenLoaderTest, ShiftsTargetsByOneToken) {
  TokenLoader one = loader({.global_batch = 4, .length = 16});
  const Batch batch = one.next();
  EXPECT_TRUE(at::equal((batch.inputs + 1).remainder(251), batch.targets));
}

TEST_F(TokenLoaderTest, GoesOnWhereItWasAfterLoading) {
  const TokenLoaderOptions options{.global_batch = 4, .length = 16};
  TokenLoader first = loader(options);
  static_cast<void>(first.next());
  static_cast<void>(first.next());
  TokenLoader second = loader(options);
  second.load_scalars(first.scalars());
  EXPECT_EQ(second.position(), 2);
  EXPECT_TRUE(at::equal(second.next().inputs, first.next().inputs));
}

TEST_F(TokenLoaderTest, NamesAPositionThatCannotBeLoaded) {
  TokenLoader one = loader({.length = 16});
  EXPECT_THROW(one.load_scalars({}), CheckpointError);
  EXPECT_THROW(one.load_scalars({{"data.position", "-3"}}), CheckpointError);
  EXPECT_THROW(one.load_scalars({{"data.position", "12x"}}), CheckpointError);
}

TEST_F(TokenLoaderTest, DrawsOtherWindowsForAnotherSeedOrStep) {
  const TokenLoaderOptions options{.global_batch = 8, .length = 16, .seed = 1};
  TokenLoaderOptions other = options;
  other.seed = 2;
  EXPECT_FALSE(at::equal(global_batch(options, 1, 0), global_batch(other, 1, 0)));
  EXPECT_FALSE(at::equal(global_batch(options, 1, 0), global_batch(options, 1, 1)));
}

TEST_F(TokenLoaderTest, NeverTrainsOnTheValidationPart) {
  // The last 10 % are of another byte than the rest.
  const std::string text = std::string(1800, 'a') + std::string(200, 'z');
  const std::string path = folder_.write("split.bin", test::byte_file(text)).string();
  TokenLoader split(path, {.global_batch = 64, .length = 128}, {});
  for (int step = 0; step < 50; ++step) EXPECT_EQ(split.next().targets.max().item<std::int64_t>(), 'a');
  EXPECT_EQ(split.train_tokens(), 1800);
  EXPECT_EQ(split.validation_batch(0, 1).inputs.min().item<std::int64_t>(), 'z');
}

// What every rank validates on, as one row of tokens per window.
std::vector<std::vector<std::int64_t>> validation_windows(const TokenLoader& loader, std::int64_t rows) {
  std::vector<std::vector<std::int64_t>> windows;
  for (std::int64_t i = 0; i < loader.validation_batches(rows); ++i) {
    const at::Tensor targets = loader.validation_batch(i, rows).targets;
    for (std::int64_t row = 0; row < targets.size(0); ++row) {
      const auto* first = targets[row].const_data_ptr<std::int64_t>();
      windows.emplace_back(first, first + targets.size(1));
    }
  }
  return windows;
}

TEST_F(TokenLoaderTest, CoversEveryValidationTokenExactlyOnceAtAnyWorldSize) {
  for (const int world_size : {1, 2, 3, 5}) {
    std::vector<std::int64_t> tokens;
    for (int rank = 0; rank < world_size; ++rank) {
      const TokenLoader one = loader({.global_batch = 8, .length = 16}, {rank, world_size});
      for (const auto& window : validation_windows(one, 3)) tokens.insert(tokens.end(), window.begin(), window.end());
    }
    ASSERT_EQ(tokens.size(), 199U) << world_size;  // 200 tokens are held out, the first is never predicted
    for (std::size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(tokens[i], static_cast<std::int64_t>((1801 + i) % 251));
  }
}

TEST_F(TokenLoaderTest, RefusesOptionsThatTheFileCannotServe) {
  EXPECT_THROW(loader({.global_batch = 0}), ConfigError);
  EXPECT_THROW(loader({.length = 0}), ConfigError);
  EXPECT_THROW(loader({.length = 1800}), ConfigError);
  EXPECT_THROW(loader({.validation_fraction = 1}), ConfigError);
}

}  // namespace
}  // namespace trireme
