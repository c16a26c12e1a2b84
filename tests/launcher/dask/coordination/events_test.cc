#include "dask/coordination/events.h"

#include <gmock/gmock.h>

#include "dask/coordination/awaited_keys.h"
#include "launcher/dask/coordination/named.h"

namespace trireme::launcher::dask {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Events, LetWaitersGoWhenSet) {
  Events events;
  EXPECT_FALSE(events.wait(key("e"), 1));
  EXPECT_FALSE(events.wait(key("e"), 2));
  events.forget(1);

  EXPECT_THAT(events.set(key("e")), ElementsAre(2));
  EXPECT_TRUE(events.wait(key("e"), 3));
  EXPECT_TRUE(events.is_set(key("e")));
}

TEST(Events, HoldWaitersAgainOnceCleared) {
  Events events;
  static_cast<void>(events.set(key("e")));
  events.clear(key("e"));

  EXPECT_FALSE(events.is_set(key("e")));
  EXPECT_FALSE(events.wait(key("e"), 1));
  events.clear(key("e"));
  EXPECT_THAT(events.set(key("e")), ElementsAre(1));
}

TEST(Events, OfOtherNamesAreOthers) {
  Events events;
  EXPECT_FALSE(events.wait(key("e"), 1));
  EXPECT_THAT(events.set(key("f")), IsEmpty());
}

TEST(AwaitedKeys, ReturnThoseThatWaitedForAKey) {
  AwaitedKeys awaited;
  awaited.wait(key("x"), 1);
  awaited.wait(key("x"), 2);
  awaited.wait(key("y"), 3);
  awaited.forget(1);

  EXPECT_THAT(awaited.arrive(std::vector{key("z"), key("x")}), ElementsAre(2));
  EXPECT_THAT(awaited.arrive(std::vector{key("x")}), IsEmpty());
  awaited.forget(3);
  EXPECT_TRUE(awaited.empty());
}

}  // namespace
}  // namespace trireme::launcher::dask
