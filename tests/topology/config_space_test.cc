#include "config_space.h"

#include <gtest/gtest.h>

#include <vector>

namespace trireme::topology {
namespace {

// A configuration space whose extended part holds an AER capability and then, at 0x148, ACS with this control register.
std::vector<std::uint8_t> with_acs(std::uint8_t control) {
  std::vector<std::uint8_t> config(4096);
  config[0x100] = 0x01;  // AER, version 2, next 0x148
  config[0x102] = 0x82;
  config[0x103] = 0x14;
  config[0x148] = 0x0d;
  config[0x14a] = 0x01;
  config[0x14c] = 0x1f;  // what it could do
  config[0x14e] = control;
  return config;
}

TEST(AccessControl, SaysWhetherPeersAreRedirected) {
  EXPECT_EQ(acs_redirects(with_acs(0x00)), false);
  EXPECT_EQ(acs_redirects(with_acs(0x01)), false);  // source validation redirects nothing
  EXPECT_EQ(acs_redirects(with_acs(0x04)), true);
  EXPECT_EQ(acs_redirects(with_acs(0x1d)), true);
}

TEST(AccessControl, IsOffWithoutTheCapability) { EXPECT_EQ(acs_redirects(std::vector<std::uint8_t>(4096)), false); }

TEST(AccessControl, IsUnknownToWhoSeesOnlyTheHeader) {
  EXPECT_EQ(acs_redirects(std::vector<std::uint8_t>(64)), std::nullopt);
  EXPECT_EQ(acs_redirects(std::vector<std::uint8_t>(256)), std::nullopt);
  EXPECT_EQ(acs_redirects({}), std::nullopt);
}

TEST(AccessControl, EndsOnChainsThatLoopOrLeaveTheSpace) {
  std::vector<std::uint8_t> loop(4096);
  loop[0x100] = 0x01;
  loop[0x103] = 0x10;  // next: itself
  EXPECT_EQ(acs_redirects(loop), false);
  std::vector<std::uint8_t> outside(4096);
  outside[0x100] = 0x01;
  outside[0x102] = 0xc0;
  outside[0x103] = 0xff;  // next: 0xffc
  EXPECT_EQ(acs_redirects(outside), false);
}

}  // namespace
}  // namespace trireme::topology
