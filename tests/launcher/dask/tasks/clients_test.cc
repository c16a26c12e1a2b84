// What clients and other holders do with keys.
#include <gmock/gmock.h>

#include "launcher/dask/tasks/small_cluster.h"

namespace trireme::launcher::dask {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class DaskTaskClients : public SmallCluster {};

TEST_F(DaskTaskClients, HearAtOnceOfKeysThatHaveEnded) {
  join("w1");
  submit("alice", {{"a"}, {"b"}}, {"a", "b"});
  finish("w1", "a");
  err("w1", "b", "boom");
  EXPECT_THAT(desire("bob", {"a", "b", "unknown"}), ElementsAre("memory bob a", "erred bob b: boom"));
}

TEST_F(DaskTaskClients, HearOnRequestHowAKeyStands) {
  join("w1");
  submit("alice", {{"a"}, {"b"}}, {"a", "b"});
  finish("w1", "a");
  for (const char* key : {"a", "b", "unknown"}) scheduler_.report_key("alice", text_key(key));
  EXPECT_THAT(said(), ElementsAre("memory alice a", "cancelled alice unknown: already forgotten"));
}

TEST_F(DaskTaskClients, LetGoOfEverythingWhenTheyLeave) {
  join("w1");
  submit("alice", {{"a"}, {"b"}, {"c"}}, {"a", "b", "c"});
  desire("bob", {"c"});
  finish("w1", "a");
  scheduler_.remove_client("alice");
  EXPECT_THAT(said(), ElementsAre("free w1 a b"));
  EXPECT_EQ(known(), 1U);
}

TEST_F(DaskTaskClients, AreNotTheOnlyOnesThatKeepKeys) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  desire("variable-v", {"a"});
  EXPECT_THAT(finish("w1", "a"), ElementsAre("memory alice a"));
  EXPECT_THAT(release("alice", {"a"}), IsEmpty());
  EXPECT_EQ(state_of("a"), "memory");
  EXPECT_THAT(release("variable-v", {"a"}), ElementsAre("free w1 a"));
}

TEST_F(DaskTaskClients, MayFireAndForget) {
  join("w1");
  submit("alice", {{"a"}, {"b"}}, {"a", "b"});
  desire("fire-and-forget", {"a", "b"});
  EXPECT_THAT(release("alice", {"a", "b"}), IsEmpty());
  EXPECT_THAT(finish("w1", "a"), ElementsAre("free w1 a"));
  EXPECT_THAT(err("w1", "b", "boom"), ElementsAre("free w1 b"));
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskTaskClients, CancelAKeyWithWhatDependsOnIt) {
  join("w1");
  submit("alice", {{"a"}, {"b", {"a"}}, {"c", {"b"}}}, {"a", "c"});
  EXPECT_THAT(cancel("alice", {"a"}),
              ElementsAre("cancelled alice a c: asked for", "cancelled bob a c: asked for", "free w1 a"));
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskTaskClients, CancelNothingThatOthersWant) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  desire("bob", {"a"});
  EXPECT_THAT(cancel("alice", {"a"}), IsEmpty());
  EXPECT_EQ(state_of("a"), "processing");
  EXPECT_THAT(release("bob", {"a"}), ElementsAre("free w1 a"));
}

TEST_F(DaskTaskClients, CancelWhatOthersWantByForce) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  desire("bob", {"a"});
  EXPECT_THAT(cancel("alice", {"a"}, true),
              ElementsAre("cancelled alice a: asked for", "cancelled bob a: asked for", "free w1 a"));
}

TEST_F(DaskTaskClients, ScatterDataThatTasksUse) {
  join("w1");
  join("w2");
  EXPECT_THAT(scatter("alice", "data", {"w2"}, 1'000'000), ElementsAre("memory alice data"));
  EXPECT_EQ(scheduler_.bytes_of(text_key("data")), 1'000'000);
  EXPECT_THAT(submit("alice", {{"a", {"data"}}}, {"a"}), ElementsAre("compute w2 a"));
  EXPECT_THAT(scatter("bob", "data", {"w1"}), ElementsAre("memory bob data"));
  EXPECT_THAT(scheduler_.holders_of(text_key("data")), UnorderedElementsAre("w1", "w2"));
}

TEST_F(DaskTaskClients, StartAnewWhenEverythingIsForgotten) {
  join("w1");
  submit("alice", {{"a"}, {"b"}, {"c"}}, {"a", "b", "c"});
  finish("w1", "a");
  told_.take();
  scheduler_.forget_everything(now_);
  EXPECT_THAT(said(), ElementsAre("free w1 b c a"));
  EXPECT_EQ(known(), 0U);
  EXPECT_THAT(submit("alice", {{"a"}}, {"a"}), ElementsAre("compute w1 a"));
}

}  // namespace
}  // namespace trireme::launcher::dask
