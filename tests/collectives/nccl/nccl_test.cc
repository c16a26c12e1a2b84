#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "nccl_ranks.h"
#include "trireme/base/error.h"

// What the nccl backend asks of NCCL and CUDA, call by call, as the only rank of its world.
namespace trireme::collectives::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class NcclCalls : public testing::Test {
 protected:
  // A world of one, with the calls of forming it forgotten.
  std::unique_ptr<Communicator> make(NcclOptions options = {}) {
    options.watchdog_period = std::chrono::milliseconds(0);
    auto communicator = make_nccl_over(api_, store_, options);
    api_->forget_calls();
    return communicator;
  }
  std::string last_call_of(const WorkPtr& work) {
    work->wait();
    return api_->calls().back();
  }

  FakeNcclWorld nccl_;
  std::shared_ptr<FakeNcclApi> api_ = nccl_.add_rank();
  WatchedStore store_;
  std::vector<float> a_ = std::vector<float>(8, 1.0F);
  std::vector<float> b_ = std::vector<float>(8, 0.0F);
};

TEST_F(NcclCalls, CallTheFunctionOfEachOperationWithItsCount) {
  const auto c = make();
  const auto a = on_gpu(a_);
  const auto b = on_gpu(b_);
  EXPECT_EQ(last_call_of(c->all_reduce(a)), "all_reduce 8 float32 sum");
  EXPECT_EQ(last_call_of(c->all_reduce(a, {.op = ReduceOp::kAverage})), "all_reduce 8 float32 average");
  EXPECT_EQ(last_call_of(c->all_reduce(a, {.op = ReduceOp::kMax})), "all_reduce 8 float32 max");
  EXPECT_EQ(last_call_of(c->reduce_scatter(b, a)), "reduce_scatter 8 float32 sum");
  EXPECT_EQ(last_call_of(c->all_gather(a, b)), "all_gather 8 float32");
  EXPECT_EQ(last_call_of(c->broadcast(a, 0)), "broadcast 8 float32 root 0");
  EXPECT_EQ(last_call_of(c->reduce(a, a, 0)), "reduce 8 float32 root 0");
  EXPECT_EQ(last_call_of(c->gather(a, b, 0)), "gather 8 float32 root 0");
  EXPECT_EQ(last_call_of(c->scatter(b, a, 0)), "scatter 8 float32 root 0");
  EXPECT_EQ(last_call_of(c->all_to_all(a, b)), "all_to_all 8 float32");
}

TEST_F(NcclCalls, StartAfterTheCallersStreamAndCanHoldIt) {
  const auto c = make();
  int stream = 0;
  nccl_.hold(true);
  const auto work = c->all_reduce(on_gpu(a_), {.stream = Stream(&stream)});
  work->wait(Stream(&stream));
  EXPECT_THAT(api_->calls(), ElementsAre("own stream waits", "all_reduce 8 float32 sum", "caller's stream waits"));
  EXPECT_FALSE(work->done());
  nccl_.hold(false);
  EXPECT_TRUE(work->done());
}

TEST_F(NcclCalls, StartMessagesAsOneGroupOnceSomebodyWaits) {
  const auto c = make();
  const auto sending = c->send(on_gpu(a_), 0, 0);
  const auto receiving = c->receive(on_gpu(b_), 0, 0);
  EXPECT_THAT(api_->calls(), ElementsAre("own stream waits", "own stream waits"));
  api_->forget_calls();
  receiving->wait();
  sending->wait();
  EXPECT_THAT(api_->calls(), ElementsAre("group {", "send 8 to 0", "receive 8 from 0", "}"));
  EXPECT_EQ(b_, a_);
}

TEST_F(NcclCalls, StartWhatIsPostedInAGroupTogetherAtItsEnd) {
  const auto c = make();
  std::vector<WorkPtr> works;
  {
    const PostingGroup group(*c);
    works.push_back(c->all_reduce(on_gpu(a_)));
    works.push_back(c->all_gather(on_gpu(a_), on_gpu(b_)));
    EXPECT_THAT(api_->calls(), Each(HasSubstr("own stream waits")));
    api_->forget_calls();
  }
  EXPECT_THAT(api_->calls(), ElementsAre("group {", "all_reduce 8 float32 sum", "all_gather 8 float32", "}"));
  for (const auto& work : works) work->wait();
}

TEST_F(NcclCalls, WaitingInAGroupStartsWhatWasPostedSoFar) {
  const auto c = make();
  const PostingGroup group(*c);
  c->all_reduce(on_gpu(a_))->wait();
  EXPECT_EQ(api_->calls().back(), "all_reduce 8 float32 sum");
}

TEST_F(NcclCalls, AnOperationOfNothingAsksNothingOfNccl) {
  const auto c = make();
  c->all_reduce(Buffer{nullptr, 0, Dtype::kFloat32, kGpu})->wait();
  EXPECT_THAT(api_->calls(), ElementsAre("own stream waits"));
}

TEST_F(NcclCalls, CopyHostMemoryThroughTheGpuAndGiveTheMemoryBack) {
  const auto c = make();
  const int before = nccl_.live_allocations();
  std::vector<float> host = {1, 2, 3};
  std::vector<float> result(3);
  c->all_reduce(view(host.data(), 3), view(result.data(), 3), {})->wait();
  EXPECT_EQ(result, host);
  EXPECT_EQ(c->broadcast_bytes("hello", 0), "hello");
  EXPECT_EQ(nccl_.live_allocations(), before);
}

TEST_F(NcclCalls, StagedMemoryIsHeldUntilTheOperationHasPassedInTheStream) {
  auto c = make();
  const int before = nccl_.live_allocations();
  nccl_.hold(true);
  auto work = c->all_to_all(on_gpu(a_), on_gpu(a_));
  work->wait(Stream());
  EXPECT_EQ(nccl_.live_allocations(), before + 1);
  nccl_.hold(false);
  work->wait();
  EXPECT_EQ(nccl_.live_allocations(), before);
}

TEST_F(NcclCalls, RejectBuffersOfAnotherGpuAndTags) {
  const auto c = make();
  auto elsewhere = on_gpu(a_);
  elsewhere.device.index = 1;
  EXPECT_THROW((void)c->all_reduce(elsewhere), ConfigError);
  EXPECT_THROW((void)c->send(on_gpu(a_), 0, 5), ConfigError);
  c->all_reduce(on_gpu(a_))->wait();
}

TEST_F(NcclCalls, MemoryIsAZeroedSymmetricWindow) {
  const auto c = make();
  auto memory = c->allocate(5000);
  EXPECT_THAT(api_->calls(), AllOf(Contains("window"), Not(Contains("register"))));
  EXPECT_EQ(static_cast<unsigned char*>(memory->data())[4999], 0);
  api_->forget_calls();
  memory.reset();
  EXPECT_THAT(api_->calls(), ElementsAre("close window"));
}

TEST_F(NcclCalls, MemoryIsRegisteredWhereThereAreNoSymmetricWindows) {
  api_->has_symmetric_windows = false;
  const auto c = make();
  auto memory = c->allocate(1);
  EXPECT_THAT(api_->calls(), AllOf(Contains("window"), Contains("register")));
  memory.reset();
  EXPECT_EQ(api_->calls().back(), "deregister");
  const auto other = make({.name = "other", .symmetric_windows = false});
  memory = other->allocate(1);
  EXPECT_THAT(api_->calls(), AllOf(Contains("register"), Not(Contains("window"))));
}

TEST_F(NcclCalls, MemoryOutlivesTheCommunicator) {
  auto c = make();
  const auto memory = c->allocate(1024);
  c.reset();
  EXPECT_THAT(api_->calls(), AllOf(Contains("close window"), Contains("destroy")));
  EXPECT_EQ(static_cast<unsigned char*>(memory->data())[1023], 0);
  EXPECT_EQ(nccl_.live_allocations(), 1);
}

TEST_F(NcclCalls, SplitWithoutExchangingAnythingBefore) {
  const auto c = make();
  const auto part = c->split(3, 7);
  EXPECT_THAT(api_->calls(), ElementsAre("split 3 7"));
  EXPECT_EQ(part->backend(), "nccl");
  EXPECT_EQ(c->split(-1, 0), nullptr);
}

TEST_F(NcclCalls, GroupsLeaveNoKeysInTheStore) {
  auto c = make();
  auto part = c->split(0, 0);
  part->send(on_gpu(a_), 0, 0);
  part->receive(on_gpu(b_), 0, 0)->wait();
  part.reset();
  c.reset();
  EXPECT_THAT(store_.keys(), IsEmpty());
}

TEST_F(NcclCalls, RefuseAnOlderNcclThanTheOneBuiltWith) {
  api_->versions = {.built = 22809, .loaded = 22705};
  const auto text = text_thrown_by<ConfigError>([&] { (void)make(); });
  EXPECT_THAT(text, AllOf(HasSubstr("2.28.9"), HasSubstr("2.27.5")));
}

TEST_F(NcclCalls, RefuseAGpuThatIsNotThere) {
  const auto text = text_thrown_by<ConfigError>([&] { (void)make({.device = 3}); });
  EXPECT_THAT(text, AllOf(HasSubstr("GPU 3"), HasSubstr("CUDA shows 1"), HasSubstr("CUDA_VISIBLE_DEVICES")));
}

TEST_F(NcclCalls, RefuseARankThatIsNone) {
  EXPECT_THROW((void)make_nccl_over(api_, store_, {.rank = 2, .size = 2}), ConfigError);
  EXPECT_THROW((void)make_nccl_over(api_, store_, {.ranks_per_id = 0}), ConfigError);
}

TEST(NcclGroup, FormsThroughOneIdOrThroughSeveral) {
  for (const int ranks_per_id : {128, 1}) {
    FakeNcclWorld nccl;
    WatchedStore store;
    run_nccl_ranks(nccl, store, 3, {.ranks_per_id = ranks_per_id}, [&](const NcclRank& rank) {
      EXPECT_THAT(rank.api.calls(), Contains(ranks_per_id == 1 ? "init 3 world" : "init 1 world"));
      std::vector<float> values(4, 1.0F);
      rank.communicator.all_reduce(on_gpu(values))->wait();
      EXPECT_THAT(values, Each(3.0F));
    });
    EXPECT_THAT(store.keys(), IsEmpty());
  }
}

TEST(NcclGroup, AsksTheStoreOnlyAboutCallsThatAreNew) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 2, {.watchdog_period = std::chrono::milliseconds(0)}, [&](const NcclRank& rank) {
    std::vector<float> values(4, 1.0F);
    for (int i = 0; i < 5; ++i) rank.communicator.all_reduce(on_gpu(values))->wait();
  });
  EXPECT_THAT(store.keys_ever("/agree/"), ElementsAre(HasSubstr("/agree/-1--1/1/")));
}

TEST(NcclGroup, WorksWithoutAgreementsAndWithOneForEveryCall) {
  for (const auto agreement : {NcclAgreement::kOff, NcclAgreement::kEvery}) {
    FakeNcclWorld nccl;
    WatchedStore store;
    run_nccl_ranks(nccl, store, 3, {.agreement = agreement, .hash_every = 2}, [&](const NcclRank& rank) {
      for (int i = 0; i < 6; ++i) {
        std::vector<float> values(4, 1.0F);
        rank.communicator.all_reduce(on_gpu(values))->wait();
        EXPECT_THAT(values, Each(3.0F));
      }
    });
  }
}

}  // namespace
}  // namespace trireme::collectives::test
