#include "optim/matrix_rounds.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

TEST(MatrixRounds, GiveEveryRankOneMatrixOfLikeSizeAtATime) {
  const auto rounds = deal_matrices({10, 40, 20, 40, 5}, 2);
  ASSERT_EQ(rounds.size(), 3U);
  EXPECT_EQ(rounds[0].matrices, (std::vector<std::size_t>{1, 3}));
  EXPECT_EQ(rounds[0].elements, 40);
  EXPECT_EQ(rounds[1].matrices, (std::vector<std::size_t>{2, 0}));
  EXPECT_EQ(rounds[1].elements, 20);
  EXPECT_EQ(rounds[2].matrices, (std::vector<std::size_t>{4}));
}

TEST(MatrixRounds, AreNoneForNoMatrices) { EXPECT_TRUE(deal_matrices({}, 3).empty()); }

}  // namespace
}  // namespace trireme
