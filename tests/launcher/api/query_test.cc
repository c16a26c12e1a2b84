#include "api/query.h"

#include <gtest/gtest.h>

namespace trireme::launcher {
namespace {

TEST(Query, CutsThePathFromTheQuery) {
  EXPECT_EQ(path_of("/json/logs?run=r-1"), "/json/logs");
  EXPECT_EQ(path_of("/status#run=r-1"), "/status");
  EXPECT_EQ(path_of("/"), "/");
}

TEST(Query, FindsAndDecodesAValue) {
  EXPECT_EQ(query_value("/x?a=1&run=r%2D0001+b", "run"), "r-0001 b");
  EXPECT_EQ(query_value("/x?run=", "run"), "");
  EXPECT_EQ(query_value("/x?run=1#run=2", "run"), "1");
}

TEST(Query, FindsNothingWhereNothingIs) {
  EXPECT_EQ(query_value("/x", "run"), std::nullopt);
  EXPECT_EQ(query_value("/x?running=1&&=&run", "run"), std::nullopt);
}

TEST(Query, RefusesBrokenPercentSigns) {
  for (const char* target : {"/x?run=%", "/x?run=%2", "/x?run=%zz", "/x?run=%-1"}) {
    EXPECT_EQ(query_value(target, "run"), std::nullopt) << target;
  }
}

TEST(Query, CountsWithinBounds) {
  EXPECT_EQ(query_count("/x", "limit", 7, 100), 7u);
  EXPECT_EQ(query_count("/x?limit=100", "limit", 7, 100), 100u);
  for (const char* target :
       {"/x?limit=0", "/x?limit=101", "/x?limit=-1", "/x?limit=1e2", "/x?limit=", "/x?limit=99999999999999999999"}) {
    EXPECT_EQ(query_count(target, "limit", 7, 100), std::nullopt) << target;
  }
}

}  // namespace
}  // namespace trireme::launcher
