#include "parallel/ownership.h"

#include <gtest/gtest.h>

#include <map>

namespace trireme {
namespace {

TEST(Ownership, CutsATensorOnABorder) {
  const auto pieces = share_ownership({{10}, {6}}, 2);
  const std::vector<OwnedPiece> expected{{0, 0, 8, 0}, {0, 8, 2, 1}, {1, 0, 6, 1}};
  EXPECT_EQ(pieces, expected);
}

TEST(Ownership, GivesEverythingToTheOnlyRank) {
  const std::vector<OwnedPiece> expected{{0, 0, 3, 0}, {1, 0, 5, 0}};
  EXPECT_EQ(share_ownership({{3}, {5}}, 1), expected);
}

TEST(Ownership, GivesEmptyTensorsToRankZero) {
  const std::vector<OwnedPiece> expected{{0, 0, 0, 0}};
  EXPECT_EQ(share_ownership({{0}}, 3), expected);
}

TEST(Ownership, CoversEveryElementOnceAndSharesBytesEvenly) {
  const std::vector<TensorExtent> tensors{{7, 4}, {1001, 2}, {1, 8}, {333, 4}};
  const std::int64_t total = 7 * 4 + 1001 * 2 + 8 + 333 * 4;
  for (int ranks = 1; ranks <= 7; ++ranks) {
    std::map<std::size_t, std::int64_t> covered;
    std::map<int, std::int64_t> bytes;
    for (const auto& piece : share_ownership(tensors, ranks)) {
      EXPECT_EQ(piece.first, covered[piece.tensor]);
      covered[piece.tensor] += piece.elements;
      bytes[piece.owner] += piece.elements * tensors[piece.tensor].element_bytes;
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) EXPECT_EQ(covered[i], tensors[i].elements);
    for (const auto& [owner, owned] : bytes) EXPECT_NEAR(owned, total / ranks, 8) << owner << " of " << ranks;
  }
}

}  // namespace
}  // namespace trireme
