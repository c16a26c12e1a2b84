#include "dask/server/seconds.h"

#include <gtest/gtest.h>

#include "dask/server/address.h"

namespace trireme::launcher::dask {
namespace {

TEST(DaskSeconds, ReadsWhatDaskReads) {
  EXPECT_DOUBLE_EQ(parse_seconds("100 ms").value(), 0.1);
  EXPECT_DOUBLE_EQ(parse_seconds("60s").value(), 60);
  EXPECT_DOUBLE_EQ(parse_seconds("1.5 hours").value(), 5400);
  EXPECT_DOUBLE_EQ(parse_seconds("5").value(), 5);
  EXPECT_DOUBLE_EQ(parse_seconds("2us").value(), 2e-6);
  EXPECT_DOUBLE_EQ(parse_seconds(" 3 minutes ").value(), 180);
  EXPECT_DOUBLE_EQ(parse_seconds("day").value(), 86'400);
  EXPECT_EQ(parse_seconds("5 parsecs"), std::nullopt);
  EXPECT_EQ(parse_seconds("1.2.3"), std::nullopt);
}

TEST(DaskAddress, ReadsHostAndPort) {
  const auto plain = parse_address("tcp://127.0.0.1:8786");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, "8786");
  EXPECT_FALSE(plain->secure);
  EXPECT_EQ(parse_address("tls://[::1]:1")->host, "::1");
  EXPECT_TRUE(parse_address("tls://[::1]:1")->secure);
  for (const char* bad : {"", "127.0.0.1:80", "tcp://", "tcp://host", "tcp://:80", "tcp://host:", "http://a:1"})
    EXPECT_FALSE(parse_address(bad)) << bad;
}

}  // namespace
}  // namespace trireme::launcher::dask
