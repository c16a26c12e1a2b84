#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fake_nccl_api.h"
#include "nccl/nccl_bootstrap.h"
#include "trireme/base/error.h"
#include "trireme/base/store.h"

// The logic of the nccl backend, as one rank over a fake of NCCL and CUDA.
namespace trireme::collectives::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Device kGpu{Device::Kind::kCuda, 0};

// A store that knows of a lost rank once told.
class WatchingStore final : public Store {
 public:
  void set(std::string_view key, std::string_view value) override { keys_.set(key, value); }
  std::string get(std::string_view key, std::chrono::milliseconds timeout) override { return keys_.get(key, timeout); }
  std::optional<std::string> try_get(std::string_view key) override { return keys_.try_get(key); }
  std::int64_t add(std::string_view key, std::int64_t amount) override { return keys_.add(key, amount); }
  bool remove(std::string_view key) override { return keys_.remove(key); }
  [[nodiscard]] std::vector<LostRank> lost() const override { return lost_; }
  [[nodiscard]] std::uint64_t lost_generation() const noexcept override { return lost_.size(); }
  void lose(const LostRank& rank) { lost_.push_back(rank); }

 private:
  InMemoryStore keys_;
  std::vector<LostRank> lost_;
};

class NcclCommunicator : public testing::Test {
 protected:
  // Rank 0 of 2, with the calls of forming the group forgotten.
  std::unique_ptr<Communicator> make(int device = 0) {
    auto communicator = make_nccl_over(api_, store_, {.rank = 0, .size = 2, .device = device});
    api_->calls.clear();
    return communicator;
  }
  Buffer on_gpu(std::vector<float>& values) {
    return {values.data(), static_cast<std::int64_t>(values.size()), Dtype::kFloat32, kGpu};
  }
  template <typename E, typename Call>
  std::string text_thrown_by(Call&& call) {
    try {
      call();
    } catch (const E& error) {
      return error.what();
    }
    return "threw nothing";
  }

  std::shared_ptr<FakeNcclApi> api_ = std::make_shared<FakeNcclApi>();
  WatchingStore store_;
  std::vector<float> a_ = std::vector<float>(8, 1.0F);
  std::vector<float> b_ = std::vector<float>(16, 0.0F);
};

TEST_F(NcclCommunicator, PassesTheUniqueIdThroughTheStore) {
  auto other = std::make_shared<FakeNcclApi>();
  api_->unique_id.internal[0] = 'x';
  api_->unique_id.internal[127] = 'y';
  api_->async_errors = {ncclInProgress};
  // Rank 0's id stays in the store while it connects: rank 1 comes when rank 0 has published and waits.
  store_.set("nccl/world", std::string_view(api_->unique_id.internal, sizeof api_->unique_id.internal));
  (void)make_nccl_over(other, store_, {.rank = 1, .size = 2});
  EXPECT_EQ(other->id_at_init.internal[0], 'x');
  EXPECT_EQ(other->id_at_init.internal[127], 'y');
  EXPECT_EQ(other->blocking_at_init, 0);
  (void)make_nccl_over(api_, store_, {.rank = 0, .size = 2});
  EXPECT_EQ(api_->id_at_init.internal[127], 'y');
  EXPECT_EQ(store_.try_get("nccl/world"), std::nullopt);
}

TEST_F(NcclCommunicator, TimesOutNamingTheRanksThatDoNotCome) {
  api_->async_error = ncclInProgress;
  const auto text = text_thrown_by<TimeoutError>([&] { (void)make(); });
  EXPECT_THAT(text, AllOf(HasSubstr("rank 1 did not arrive"), HasSubstr("'world' of 2 ranks")));
  EXPECT_THAT(api_->calls, Contains("abort"));
}

TEST_F(NcclCommunicator, CallsTheFunctionOfEachOperationWithItsCount) {
  const auto c = make();
  const auto a = on_gpu(a_);
  const auto b = on_gpu(b_);
  const auto calls_of = [&](const WorkPtr& work) {
    work->wait();
    auto last = api_->calls.back();
    return last;
  };
  EXPECT_EQ(calls_of(c->all_reduce(a)), "all_reduce 8 type 7 op 0");
  EXPECT_EQ(calls_of(c->all_reduce(a, {.op = ReduceOp::kAverage})), "all_reduce 8 type 7 op 4");
  EXPECT_EQ(calls_of(c->all_reduce(a, {.op = ReduceOp::kMax})), "all_reduce 8 type 7 op 2");
  EXPECT_EQ(calls_of(c->reduce_scatter(b, a)), "reduce_scatter 8 type 7 op 0");
  EXPECT_EQ(calls_of(c->all_gather(a, b)), "all_gather 8 type 7");
  EXPECT_EQ(calls_of(c->broadcast(a, 1)), "broadcast 8 type 7 root 1");
  EXPECT_EQ(calls_of(c->reduce(a, a, 1)), "reduce 8 type 7 root 1");
  EXPECT_EQ(calls_of(c->gather(a, b, 0)), "gather 8 type 7 root 0");
  EXPECT_EQ(calls_of(c->scatter(b, a, 0)), "scatter 8 type 7 root 0");
  EXPECT_EQ(calls_of(c->all_to_all(a, b.slice(0, 8))), "all_to_all 4 type 7");
}

TEST_F(NcclCommunicator, StartsAfterTheCallersStreamAndCanHoldIt) {
  const auto c = make();
  int stream = 0;
  api_->is_done = false;
  const auto work = c->all_reduce(on_gpu(a_), {.stream = Stream(&stream)});
  work->wait(Stream(&stream));
  EXPECT_THAT(api_->calls, ElementsAre("own stream waits", "all_reduce 8 type 7 op 0", "caller's stream waits"));
}

TEST_F(NcclCommunicator, HoldingAStreamDoesNotWaitForTheResult) {
  const auto c = make();
  api_->is_done = false;
  const auto work = c->all_reduce(on_gpu(a_));
  work->wait(Stream());
  EXPECT_FALSE(work->done());
  api_->is_done = true;
  EXPECT_TRUE(work->done());
}

TEST_F(NcclCommunicator, StartsMessagesAsOneGroupOnceSomebodyWaits) {
  const auto c = make();
  const auto sending = c->send(on_gpu(a_), 1, 0);
  const auto receiving = c->receive(on_gpu(b_), 1, 0);
  EXPECT_THAT(api_->calls, ElementsAre("own stream waits", "own stream waits"));
  api_->calls.clear();
  receiving->wait();
  sending->wait();
  EXPECT_THAT(api_->calls, ElementsAre("group {", "send 8 to 1", "receive 16 from 1", "}"));
}

TEST_F(NcclCommunicator, CopiesHostMemoryThroughTheGpu) {
  const auto c = make();
  std::vector<float> host = {1, 2, 3};
  std::vector<float> result(3);
  c->all_reduce(view(host.data(), 3), view(result.data(), 3), {})->wait();
  EXPECT_EQ(result, host);
  EXPECT_EQ(c->broadcast_bytes("hello", 0), "hello");
  EXPECT_EQ(api_->live_allocations, 0);
}

TEST_F(NcclCommunicator, AllToAllInPlaceReadsFromACopy) {
  const auto c = make();
  c->all_to_all(on_gpu(a_), on_gpu(a_))->wait();
  EXPECT_EQ(api_->calls.back(), "all_to_all 4 type 7");
}

TEST_F(NcclCommunicator, AFailedCallIsACommErrorAndAbortsTheCommunicator) {
  const auto c = make();
  api_->result_of_operations = ncclRemoteError;
  const auto text = text_thrown_by<CommError>([&] { c->all_reduce(on_gpu(a_))->wait(); });
  EXPECT_THAT(text, AllOf(HasSubstr("all_reduce failed: remote error"), HasSubstr("NCCL_DEBUG")));
  EXPECT_EQ(api_->calls.back(), "abort");
  EXPECT_THROW((void)c->all_reduce(on_gpu(a_)), CommError);
}

TEST_F(NcclCommunicator, AnErrorThatNcclNoticesLaterFailsTheWait) {
  const auto c = make();
  api_->is_done = false;
  const auto work = c->all_reduce(on_gpu(a_));
  api_->async_error = ncclRemoteError;
  EXPECT_THROW(work->wait(), CommError);
  EXPECT_NE(work->error(), nullptr);
}

TEST_F(NcclCommunicator, AHangIsATimeoutThatSaysWhichOperation) {
  const auto c = make();
  api_->is_done = false;
  const auto work = c->all_reduce(on_gpu(a_), {.timeout = Timeout(1000)});
  const auto text = text_thrown_by<TimeoutError>([&] { work->wait(); });
  EXPECT_THAT(text, AllOf(HasSubstr("all_reduce #1 of 8 float32, sum"), HasSubstr("after 1000 ms")));
  EXPECT_EQ(api_->calls.back(), "abort");
}

TEST_F(NcclCommunicator, ACallThatNcclNeverTakesIsATimeout) {
  const auto c = make();
  api_->async_error = ncclInProgress;
  const auto work = c->all_reduce(on_gpu(a_), {.timeout = Timeout(1000)});
  EXPECT_THROW(work->wait(), TimeoutError);
}

TEST_F(NcclCommunicator, ALostRankOfTheStoreFailsTheWait) {
  const auto c = make();
  api_->is_done = false;
  const auto work = c->all_reduce(on_gpu(a_));
  store_.lose({.rank = 7, .node = "elsewhere", .cause = "of another group"});
  EXPECT_FALSE(work->done());
  store_.lose({.rank = 1, .node = "n1", .cause = "connection closed"});
  const auto text = text_thrown_by<PeerLostError>([&] { work->wait(); });
  EXPECT_THAT(text, AllOf(HasSubstr("rank 1 on node n1"), HasSubstr("connection closed")));
}

TEST_F(NcclCommunicator, AbortFailsAWaitAndABusyCommunicator) {
  const auto c = make();
  api_->is_done = false;
  const auto work = c->all_reduce(on_gpu(a_));
  c->abort("enough");
  const auto text = text_thrown_by<CommError>([&] { work->wait(); });
  EXPECT_THAT(text, HasSubstr("enough"));
}

TEST_F(NcclCommunicator, RejectsBuffersOfAnotherGpuAndTags) {
  const auto c = make(0);
  auto elsewhere = on_gpu(a_);
  elsewhere.device.index = 1;
  EXPECT_THROW((void)c->all_reduce(elsewhere), ConfigError);
  EXPECT_THROW((void)c->send(on_gpu(a_), 1, 5), ConfigError);
  c->all_reduce(on_gpu(a_))->wait();
}

TEST_F(NcclCommunicator, SplitsThroughNccl) {
  const auto c = make();
  const auto part = c->split(3, 0);
  EXPECT_THAT(api_->calls, Contains("split 3 0"));
  EXPECT_EQ(part->backend(), "nccl");
}

TEST_F(NcclCommunicator, MemoryIsZeroedAndOutlivesTheCommunicator) {
  auto c = make();
  const auto memory = c->allocate(1024);
  c.reset();
  EXPECT_EQ(static_cast<unsigned char*>(memory->data())[1023], 0);
  EXPECT_EQ(api_->calls.back(), "destroy");
  EXPECT_EQ(api_->live_allocations, 1);
}

}  // namespace
}  // namespace trireme::collectives::test
