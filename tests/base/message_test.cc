#include "trireme/base/message.h"

#include <gtest/gtest.h>

#include "trireme/base/check.h"
#include "trireme/base/error.h"
#include "trireme/base/version.h"

namespace trireme {
namespace {

TEST(Message, FillsGapsInOrder) { EXPECT_EQ(message("rank {} of {}", 3, 8), "rank 3 of 8"); }

TEST(Message, AppendsSurplusArgumentsAndKeepsSurplusGaps) {
  EXPECT_EQ(message("a {}", 1, "b", 2), "a 1 b 2");
  EXPECT_EQ(message("{} and {}", 1), "1 and {}");
  EXPECT_EQ(message(""), "");
}

TEST(Message, DoesNotFillGapsThatArgumentsBring) { EXPECT_EQ(message("{} {}", "{}", 2), "{} 2"); }

TEST(Message, SpellsBooleans) { EXPECT_EQ(message("{}", true), "true"); }

TEST(Check, PassesSilentlyWhenTheConditionHolds) { EXPECT_NO_THROW(TRIREME_CHECK(1 < 2, "never {}", 1)); }

TEST(Check, NamesFileConditionAndValues) {
  try {
    const int offset = 7;
    TRIREME_CHECK(offset < 4, "offset {} beyond {} bytes", offset, 4);
    FAIL() << "did not throw";
  } catch (const InvariantError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("message_test.cc:"), std::string::npos) << what;
    EXPECT_NE(what.find("offset < 4"), std::string::npos) << what;
    EXPECT_NE(what.find("offset 7 beyond 4 bytes"), std::string::npos) << what;
  }
}

TEST(Version, HasThreeNumbers) { EXPECT_EQ(std::string(version()).substr(0, 2), "0."); }

}  // namespace
}  // namespace trireme
