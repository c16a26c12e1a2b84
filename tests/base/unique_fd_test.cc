#include "trireme/base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace trireme {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

UniqueFd open_something() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(UniqueFd, ClosesOnDestruction) {
  int fd = -1;
  {
    const UniqueFd owner = open_something();
    fd = owner.get();
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(UniqueFd, MovesOwnershipAndClosesWhatItHeld) {
  UniqueFd first = open_something();
  UniqueFd second = open_something();
  const int first_fd = first.get();
  const int second_fd = second.get();
  second = std::move(first);
  EXPECT_EQ(second.get(), first_fd);
  EXPECT_TRUE(is_open(first_fd));
  EXPECT_FALSE(is_open(second_fd));
}

TEST(UniqueFd, ReleaseGivesTheDescriptorAway) {
  UniqueFd owner = open_something();
  const UniqueFd taker(owner.release());
  EXPECT_FALSE(owner);
  EXPECT_TRUE(is_open(taker.get()));
}

}  // namespace
}  // namespace trireme
