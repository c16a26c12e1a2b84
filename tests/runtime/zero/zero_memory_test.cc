#include "trireme/runtime/zero.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

// The table of the ZeRO paper: 7.5 G parameters, Adam in mixed precision (2 + 2 + 12 bytes), 64 ranks.
ZeroMemory paper(Zero zero) {
  return zero_memory({.zero = zero,
                      .elements = 7'500'000'000,
                      .parameter_bytes = 2,
                      .gradient_bytes = 2,
                      .optimizer_bytes = 12,
                      .shards = 64});
}

double gigabytes(Zero zero) { return static_cast<double>(paper(zero).total()) / 1e9; }

TEST(ZeroMemory, GivesThePapersFigures) {
  EXPECT_NEAR(gigabytes(Zero::kOff), 120, 0.1);
  EXPECT_NEAR(gigabytes(Zero::kOptimizer), 31.4, 0.1);
  EXPECT_NEAR(gigabytes(Zero::kGradients), 16.6, 0.1);
  EXPECT_NEAR(gigabytes(Zero::kParameters), 1.9, 0.1);
}

TEST(ZeroMemory, CountsASharedCopyOnceANode) {
  const ZeroMemoryInput input{.zero = Zero::kOptimizer, .elements = 1000, .shards = 4, .sharing = 4};
  EXPECT_EQ(zero_memory(input).parameters, 1000);
  EXPECT_EQ(zero_memory(input).gradients, 4000);
  EXPECT_EQ(zero_memory(input).optimizer, 2000);
}

TEST(ZeroMemory, SharesNothingInPlainDataParallel) {
  const ZeroMemoryInput input{.elements = 1000, .shards = 4, .sharing = 4};
  EXPECT_EQ(zero_memory(input).total(), 16000);
}

}  // namespace
}  // namespace trireme
