#include "dask/coordination/topics.h"

#include <gmock/gmock.h>

namespace trireme::launcher::dask {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Bytes message(std::string text) { return Bytes(std::move(text)); }

TEST(Topics, KeepWhatWasLoggedAndWhen) {
  Topics topics;
  topics.log("t", message("a"), 1.5);
  topics.log("t", message("b"), 2.5);

  ASSERT_THAT(topics.events("t"), SizeIs(2));
  EXPECT_EQ(topics.events("t")[0].time, 1.5);
  EXPECT_EQ(topics.events("t")[1].message.view(), "b");
  EXPECT_THAT(topics.events("unknown"), IsEmpty());
  EXPECT_THAT(topics.names(), ElementsAre("t"));
}

TEST(Topics, NameThoseToTell) {
  Topics topics;
  topics.subscribe("t", "a");
  topics.subscribe("t", "b");
  topics.subscribe("other", "c");
  topics.unsubscribe("t", "b");

  EXPECT_THAT(topics.log("t", message("x"), 0), ElementsAre("a"));
  topics.forget_client("a");
  EXPECT_THAT(topics.log("t", message("x"), 0), IsEmpty());
  EXPECT_THAT(topics.names(), ElementsAre("t"));
}

TEST(Topics, KeepTheNewestEvents) {
  Topics topics;
  for (std::size_t number = 0; number <= Topics::kMostEvents; ++number) {
    topics.log("t", message(std::to_string(number)), 0);
  }

  ASSERT_THAT(topics.events("t"), SizeIs(Topics::kMostEvents));
  EXPECT_EQ(topics.events("t").front().message.view(), "1");
}

TEST(Topics, KeepNoMoreThanSomeBytes) {
  Topics topics;
  for (const char* text : {"1", "2", "3"}) topics.log("t", message(text + std::string(Topics::kMostBytes / 2, ' ')), 0);

  ASSERT_THAT(topics.events("t"), SizeIs(1));
  EXPECT_EQ(topics.events("t").front().message.view().front(), '3');
}

}  // namespace
}  // namespace trireme::launcher::dask
