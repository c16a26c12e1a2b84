#include <gmock/gmock.h>

#include "dask/coordination/caller_error.h"
#include "dask/coordination/multi_locks.h"
#include "dask/coordination/semaphores.h"
#include "launcher/dask/coordination/named.h"

namespace trireme::launcher::dask {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SemaphoreOf2 : public testing::Test {
 protected:
  SemaphoreOf2() { semaphores_.create(name_, 2, 30); }
  bool acquire(const std::string& lease, Ticket ticket, double now = 0) {
    return semaphores_.acquire(name_, lease, ticket, now);
  }

  Semaphores semaphores_;
  Key name_ = key("s");
};

TEST_F(SemaphoreOf2, GivesItsLeasesAndThenLetsWait) {
  EXPECT_TRUE(acquire("a", 1));
  EXPECT_TRUE(acquire("b", 2));
  EXPECT_FALSE(acquire("c", 3));
  EXPECT_FALSE(acquire("d", 4));
  EXPECT_EQ(semaphores_.held(name_), 2u);

  EXPECT_THAT(semaphores_.release(name_, "a", 1), ElementsAre(3));
  EXPECT_THAT(semaphores_.release(name_, "a", 1), IsEmpty());
  EXPECT_THAT(semaphores_.release(name_, "b", 1), ElementsAre(4));
}

TEST_F(SemaphoreOf2, GivesALeaseThatIsAskedForTwiceOnce) {
  EXPECT_TRUE(acquire("a", 1));
  EXPECT_TRUE(acquire("a", 2));
  EXPECT_EQ(semaphores_.held(name_), 1u);
}

TEST_F(SemaphoreOf2, EndsLeasesThatAreNotRefreshed) {
  EXPECT_TRUE(acquire("a", 1, 0));
  EXPECT_TRUE(acquire("b", 2, 0));
  EXPECT_FALSE(acquire("c", 3, 0));
  semaphores_.refresh(name_, {"b"}, 20);

  EXPECT_THAT(semaphores_.expire(30), IsEmpty());
  EXPECT_THAT(semaphores_.expire(31), ElementsAre(3));
  EXPECT_THAT(semaphores_.release(name_, "a", 31), IsEmpty());
  EXPECT_EQ(semaphores_.held(name_), 2u);
}

TEST_F(SemaphoreOf2, HoldsALeaseAgainThatIsRefreshedTooLate) {
  EXPECT_TRUE(acquire("a", 1, 0));
  static_cast<void>(semaphores_.expire(31));
  EXPECT_TRUE(acquire("b", 2, 31));
  EXPECT_TRUE(acquire("c", 3, 31));
  semaphores_.refresh(name_, {"a"}, 32);

  EXPECT_EQ(semaphores_.held(name_), 3u);
  EXPECT_FALSE(acquire("d", 4, 32));
  EXPECT_THAT(semaphores_.release(name_, "a", 33), IsEmpty());
  EXPECT_THAT(semaphores_.release(name_, "b", 33), ElementsAre(4));
}

TEST_F(SemaphoreOf2, ForgetsThoseThatWaitNoLonger) {
  EXPECT_TRUE(acquire("a", 1) && acquire("b", 2));
  EXPECT_FALSE(acquire("c", 3));
  semaphores_.forget(3);

  EXPECT_THAT(semaphores_.release(name_, "a", 1), IsEmpty());
  EXPECT_EQ(semaphores_.held(name_), 1u);
}

TEST_F(SemaphoreOf2, MustBeCreatedAlikeByAll) {
  semaphores_.create(name_, 2, 30);
  EXPECT_THROW(semaphores_.create(name_, 3, 30), CallerError);
  EXPECT_THROW(static_cast<void>(semaphores_.acquire(key("other"), "a", 1, 0)), CallerError);
}

TEST_F(SemaphoreOf2, ReturnsThoseThatWaitWhenItIsClosed) {
  EXPECT_TRUE(acquire("a", 1) && acquire("b", 2));
  EXPECT_FALSE(acquire("c", 3));

  EXPECT_THAT(semaphores_.close(name_), ElementsAre(3));
  EXPECT_THROW(acquire("d", 4), CallerError);
  EXPECT_EQ(semaphores_.held(name_), 0u);
}

TEST(Semaphores, WithoutALeaseTimeoutKeepTheirLeases) {
  Semaphores semaphores;
  semaphores.create(key("s"), 1, 0);
  EXPECT_TRUE(semaphores.acquire(key("s"), "a", 1, 0));

  EXPECT_THAT(semaphores.expire(1e9), IsEmpty());
  EXPECT_EQ(semaphores.held(key("s")), 1u);
}

class MultiLock : public testing::Test {
 protected:
  bool acquire(const char* id, const std::vector<const char*>& names, std::size_t wanted, Ticket ticket) {
    std::vector<Key> locks;
    for (const char* name : names) locks.push_back(key(name));
    return locks_.acquire(locks, key(id), wanted, ticket);
  }

  MultiLocks locks_;
};

TEST_F(MultiLock, TakesAllItsLocksOrWaits) {
  EXPECT_TRUE(acquire("1", {"a", "b"}, 2, 1));
  EXPECT_FALSE(acquire("2", {"b", "c"}, 2, 2));
  EXPECT_FALSE(acquire("3", {"c"}, 1, 3));

  EXPECT_THAT(locks_.release(key("1")), ElementsAre(2));
  EXPECT_THAT(locks_.release(key("2")), ElementsAre(3));
}

TEST_F(MultiLock, TakesALockOnceThatIsNamedTwice) {
  EXPECT_TRUE(acquire("1", {"a", "a"}, 2, 1));
  EXPECT_FALSE(acquire("2", {"a", "b", "a"}, 3, 2));
  EXPECT_THAT(locks_.release(key("1")), ElementsAre(2));
  EXPECT_THAT(locks_.release(key("2")), IsEmpty());
  EXPECT_TRUE(acquire("3", {"a"}, 1, 3));
}

TEST_F(MultiLock, TakesSomeNumberOfLocks) {
  EXPECT_TRUE(acquire("1", {"a", "b"}, 1, 1));
  EXPECT_TRUE(acquire("2", {"a", "b"}, 1, 2));
  EXPECT_FALSE(acquire("3", {"a", "b"}, 1, 3));

  EXPECT_THAT(locks_.release(key("1")), ElementsAre(3));
}

TEST_F(MultiLock, WantsNoMoreThanItAskedFor) {
  EXPECT_TRUE(acquire("1", {"a", "b"}, 2, 1));
  EXPECT_FALSE(acquire("2", {"a", "b"}, 1, 2));

  EXPECT_THAT(locks_.release(key("1")), ElementsAre(2));
  EXPECT_THAT(locks_.release(key("2")), IsEmpty());
  EXPECT_TRUE(acquire("3", {"a", "b"}, 2, 3));
}

TEST_F(MultiLock, GivesBackWhatAWaiterHadWhenItIsGone) {
  EXPECT_TRUE(acquire("1", {"b"}, 1, 1));
  EXPECT_FALSE(acquire("2", {"a", "b"}, 2, 2));
  EXPECT_FALSE(acquire("3", {"a"}, 1, 3));

  EXPECT_THAT(locks_.forget(2), ElementsAre(3));
  EXPECT_THAT(locks_.forget(2), IsEmpty());
  EXPECT_THAT(locks_.release(key("1")), IsEmpty());
}

TEST_F(MultiLock, RejectsWhatCannotBe) {
  EXPECT_THROW(acquire("1", {"a"}, 2, 1), CallerError);
  EXPECT_THROW(acquire("1", {}, 0, 1), CallerError);
  EXPECT_TRUE(acquire("1", {"a"}, 1, 1));
  EXPECT_THROW(acquire("1", {"b"}, 1, 2), CallerError);
  EXPECT_THROW(static_cast<void>(locks_.release(key("2"))), CallerError);
}

}  // namespace
}  // namespace trireme::launcher::dask
