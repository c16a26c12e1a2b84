#include "parallel/gradient_order.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

using Order = std::vector<std::size_t>;

TEST(GradientOrder, PutsWhatDidNotArriveLastAndBackwards) {
  EXPECT_EQ(complete_order({3, 0}, 5), (Order{3, 0, 4, 2, 1}));
  EXPECT_EQ(complete_order({}, 3), (Order{2, 1, 0}));
  EXPECT_EQ(complete_order({1, 0}, 2), (Order{1, 0}));
}

}  // namespace
}  // namespace trireme
