#include "dask/coordination/queues.h"

#include <gmock/gmock.h>

#include "dask/coordination/caller_error.h"
#include "launcher/dask/coordination/named.h"

namespace trireme::launcher::dask {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Queues::Batch kOne{};

std::string text_of_all(const std::vector<Record>& records) {
  std::string text;
  for (const Record& record : records) text += record.is_future() ? name_of(record.future) : record.data.view();
  return text;
}

class QueuesOfOneName : public testing::Test {
 protected:
  void create(std::size_t most) { queues_.create(name_, most); }
  bool put(const Record& record, Ticket ticket = 0) { return queues_.put(name_, record, ticket).stored; }
  std::string get(Queues::Batch batch = kOne, Ticket ticket = 99) {
    const auto got = queues_.get(name_, batch, ticket);
    return got.records ? text_of_all(*got.records) : "waits";
  }

  Queues queues_;
  Key name_ = key("q");
};

TEST_F(QueuesOfOneName, AreFirstInFirstOut) {
  create(0);
  put(data("a"));
  put(data("b"));

  EXPECT_EQ(queues_.size(name_), 2u);
  EXPECT_EQ(get(), "a");
  EXPECT_EQ(get(), "b");
}

TEST_F(QueuesOfOneName, AnswerThoseThatWaitInTheirOrder) {
  create(0);
  EXPECT_EQ(get(kOne, 1), "waits");
  EXPECT_EQ(get(kOne, 2), "waits");

  const auto first = queues_.put(name_, data("a"), 3);

  EXPECT_TRUE(first.stored);
  ASSERT_THAT(first.change.taken, SizeIs(1));
  EXPECT_EQ(first.change.taken[0].ticket, 1u);
  EXPECT_EQ(text_of_all(first.change.taken[0].records), "a");
}

TEST_F(QueuesOfOneName, LetWritersWaitForRoom) {
  create(1);
  EXPECT_TRUE(put(data("a"), 1));
  EXPECT_FALSE(put(data("b"), 2));

  const auto got = queues_.get(name_, kOne, 3);

  EXPECT_EQ(text_of_all(*got.records), "a");
  EXPECT_THAT(got.change.stored, ElementsAre(2));
  EXPECT_EQ(get(), "b");
}

TEST_F(QueuesOfOneName, GiveAllThereIs) {
  create(0);
  EXPECT_EQ(get({.all = true}), "");
  put(data("a"));
  put(data("b"));
  EXPECT_EQ(get({.all = true}), "ab");
}

TEST_F(QueuesOfOneName, CollectABatchOfTheSizeAskedFor) {
  create(1);
  put(data("a"));
  EXPECT_EQ(get({.size = 3}, 1), "waits");
  put(data("b"));

  const auto last = queues_.put(name_, data("c"), 2);

  ASSERT_THAT(last.change.taken, SizeIs(1));
  EXPECT_EQ(text_of_all(last.change.taken[0].records), "abc");
}

TEST_F(QueuesOfOneName, TakeBackWhatAReaderThatIsGoneHadCollected) {
  create(0);
  put(data("a"));
  EXPECT_EQ(get({.size = 3}, 1), "waits");
  EXPECT_EQ(get(kOne, 2), "waits");

  const auto change = queues_.forget(1);

  ASSERT_THAT(change.taken, SizeIs(1));
  EXPECT_EQ(change.taken[0].ticket, 2u);
  EXPECT_EQ(text_of_all(change.taken[0].records), "a");
}

TEST_F(QueuesOfOneName, DropWhatAWriterThatIsGoneWaitedWith) {
  create(1);
  put(data("a"));
  EXPECT_FALSE(put(future("f"), 1));

  EXPECT_THAT(queues_.forget(1).claims.released, ElementsAre(claim("queue-q", "f")));
  EXPECT_EQ(get(), "a");
  EXPECT_EQ(get(), "waits");
}

TEST_F(QueuesOfOneName, ClaimFuturesUntilAllTakersHoldThemThemselves) {
  create(0);
  EXPECT_THAT(queues_.put(name_, future("f"), 1).change.claims.desired, ElementsAre(claim("queue-q", "f")));
  EXPECT_THAT(queues_.put(name_, future("f"), 2).change.claims.desired, IsEmpty());
  get();
  get();

  const Claims first = queues_.release_future(name_, key("f"), "a");
  EXPECT_THAT(first.desired, ElementsAre(claim("a", "f")));
  EXPECT_THAT(first.released, IsEmpty());
  EXPECT_THAT(queues_.release_future(name_, key("f"), "b").released, ElementsAre(claim("queue-q", "f")));
}

TEST_F(QueuesOfOneName, EndWithTheirLastUser) {
  create(1);
  create(1);
  put(future("f"), 1);
  EXPECT_FALSE(put(data("b"), 2));

  EXPECT_THAT(queues_.release(name_).dropped, IsEmpty());
  const auto change = queues_.release(name_);

  EXPECT_THAT(change.claims.released, ElementsAre(claim("queue-q", "f")));
  EXPECT_THAT(change.dropped, ElementsAre(2));
  EXPECT_THROW(static_cast<void>(queues_.size(name_)), CallerError);
}

TEST_F(QueuesOfOneName, MustBeCreatedFirst) {
  EXPECT_THROW(put(data("a")), CallerError);
  EXPECT_THROW(get(), CallerError);
}

}  // namespace
}  // namespace trireme::launcher::dask
