// P2P shuffles: who gets which partition, what pins output tasks, and what a lost worker costs.
#include <gmock/gmock.h>

#include "launcher/dask/tasks/small_cluster.h"

namespace trireme::launcher::dask {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

ShuffleSpec spec_of(const std::string& id, std::size_t partitions) {
  ShuffleSpec spec{.id = id, .barrier = text_key(id), .pickled = Bytes("pickle of " + id), .partitions = {}};
  for (std::size_t i = 0; i < partitions; ++i) spec.partitions.push_back(text_key(std::to_string(i)));
  return spec;
}

// Transfers t0 and t1, the barrier s, outputs o0 and o1.
class DaskShuffle : public SmallCluster {
 protected:
  void submit_shuffle() {
    submit("alice", {{"t0"}, {"t1"}, {"s", {"t0", "t1"}}, {"o0", {"s"}}, {"o1", {"s"}}}, {"o0", "o1"},
           {spec_of("s", 2)});
  }
  // The number of the run, as this worker is told when a transfer begins.
  std::int64_t begin(const std::string& worker, const std::string& transfer) {
    const Shuffle* shuffle = scheduler_.begin_shuffle(text_key("s"), worker, text_key(transfer));
    return shuffle ? shuffle->run->number : 0;
  }
  bool pin(std::int64_t run, const std::string& output, const std::string& worker) {
    return scheduler_.pin_output(text_key("s"), run, text_key(output), worker, now_);
  }
  [[nodiscard]] bool runs(const std::string& barrier) const {
    const Shuffle* shuffle = scheduler_.find_shuffle(text_key(barrier));
    return shuffle && shuffle->run;
  }
  // On workers w1 and w2, up to where the outputs are to begin; the run's number.
  std::int64_t reach_outputs() {
    join("w1");
    join("w2");
    submit_shuffle();
    const std::int64_t run = begin("w1", "t0");
    finish("w1", "t0");
    finish("w2", "t1");
    finish(worker_of("s"), "s");
    return run;
  }
  [[nodiscard]] std::string worker_of(const std::string& task) const {
    for (const char* worker : {"w1", "w2"}) {
      const std::vector<Key> keys = scheduler_.keys_processing_on(worker);
      if (std::count(keys.begin(), keys.end(), text_key(task)) != 0) return worker;
    }
    return "";
  }
};

TEST_F(DaskShuffle, BeginsWithTheFirstTransferAndSpreadsPartitionsOverAllWorkers) {
  join("w1");
  join("w2");
  submit_shuffle();
  EXPECT_EQ(scheduler_.join_shuffle(text_key("s"), "w1"), nullptr);
  const std::int64_t run = begin("w1", "t0");
  EXPECT_GT(run, 0);
  EXPECT_EQ(begin("w2", "t1"), run);
  EXPECT_THAT(scheduler_.join_shuffle(text_key("s"), "w1")->run->workers, UnorderedElementsAre("w1", "w2"));
}

TEST_F(DaskShuffle, DoesNotBeginForUnknownWorkersTasksThatDoNotRunAndBarriersThatAreNone) {
  join("w1");
  submit_shuffle();
  EXPECT_EQ(begin("w9", "t0"), 0);
  EXPECT_EQ(begin("w1", "o0"), 0);
  EXPECT_EQ(begin("w1", "nothing"), 0);
  EXPECT_EQ(scheduler_.begin_shuffle(text_key("o0"), "w1", text_key("t0")), nullptr);
}

TEST_F(DaskShuffle, UsesOnlyWorkersThatTheBarrierMayRunOn) {
  join("w1");
  join("w2");
  Annotations on_w2;
  on_w2.workers = {"w2"};
  submit("alice", {{"t0"}, {"s", {"t0"}, on_w2}, {"o0", {"s"}}}, {"o0"}, {spec_of("s", 3)});
  const Shuffle* shuffle = scheduler_.begin_shuffle(text_key("s"), "w1", text_key("t0"));
  ASSERT_NE(shuffle, nullptr);
  EXPECT_THAT(shuffle->run->workers, ElementsAre("w2", "w2", "w2"));
  EXPECT_THAT(shuffle->run->participants, ElementsAre("w1", "w2"));
}

TEST_F(DaskShuffle, PutsPartitionsOfAJoinOnTheSameWorkersAlsoWhenWorkersHaveCome) {
  join("w1");
  submit("alice", {{"t"}, {"u"}, {"s", {"t"}}, {"r", {"u"}}, {"o", {"s", "r"}}}, {"o"},
         {spec_of("s", 4), spec_of("r", 4)});
  EXPECT_GT(begin("w1", "t"), 0);
  join("w2");
  const Shuffle* right = scheduler_.begin_shuffle(text_key("r"), "w1", text_key("u"));
  ASSERT_NE(right, nullptr);
  EXPECT_THAT(right->run->workers, ElementsAre("w1", "w1", "w1", "w1"));
}

TEST_F(DaskShuffle, RunsAPinnedOutputOnItsWorkerWhenItComesBack) {
  const std::int64_t run = reach_outputs();
  const std::string here = worker_of("o0");
  const std::string there = here == "w1" ? "w2" : "w1";
  EXPECT_TRUE(pin(run, "o0", there));
  EXPECT_THAT(said(), IsEmpty());
  scheduler_.task_rescheduled(here, text_key("o0"), told_.run_of("o0"), now_);
  EXPECT_THAT(said(), Contains("compute " + there + " o0"));
}

TEST_F(DaskShuffle, RefusesToPinForAnotherRunOrWhatIsNoOutput) {
  const std::int64_t run = reach_outputs();
  EXPECT_FALSE(pin(run + 1, "o0", "w1"));
  EXPECT_FALSE(pin(run, "t0", "w1"));
  EXPECT_FALSE(pin(run, "nothing", "w1"));
}

TEST_F(DaskShuffle, EndsOnceAllOutputsAreDoneAndFreesThemOfTheirWorkers) {
  const std::int64_t run = reach_outputs();
  pin(run, "o0", worker_of("o0"));
  finish(worker_of("o0"), "o0");
  EXPECT_TRUE(runs("s"));
  const std::string end = "s run " + std::to_string(run);
  EXPECT_THAT(finish(worker_of("o1"), "o1"), IsSupersetOf({"fail-shuffle w1 " + end, "fail-shuffle w2 " + end}));
  EXPECT_FALSE(runs("s"));
  EXPECT_FALSE(pin(run, "o0", "w1"));
}

TEST_F(DaskShuffle, BeginsAnewWhenAParticipantDies) {
  const std::int64_t run = reach_outputs();
  pin(run, "o0", "w2");
  const std::string end = "s run " + std::to_string(run);
  EXPECT_THAT(die("w2"), AllOf(Contains("fail-shuffle w1 " + end), Contains("compute w1 t0")));
  EXPECT_FALSE(runs("s"));
  EXPECT_EQ(state_of("s"), "waiting");
  EXPECT_GT(begin("w1", "t0"), run);
  finish("w1", "t0");
  finish("w1", "t1");
  EXPECT_THAT(finish("w1", "s"), IsSupersetOf({"compute w1 o0", "compute w1 o1"}));
}

TEST_F(DaskShuffle, KeepsOutputsThatAreDoneWhenAParticipantDies) {
  reach_outputs();
  const std::string first = worker_of("o0");
  finish(first, "o0");
  die(first == "w1" ? "w2" : "w1");
  EXPECT_EQ(state_of("o0"), "memory");
  EXPECT_EQ(state_of("t0"), "processing");
}

TEST_F(DaskShuffle, GoesOnWhenAWorkerDiesThatHasNoPart) {
  const std::int64_t run = reach_outputs();
  join("w3");
  EXPECT_THAT(die("w3"), Not(Contains("fail-shuffle w1 s run " + std::to_string(run))));
  EXPECT_TRUE(runs("s"));
}

TEST_F(DaskShuffle, BeginsAnewWhenItsTransfersAreOfSeveralRuns) {
  const std::int64_t run = reach_outputs();
  scheduler_.restart_shuffle(text_key("s"), run + 1, now_);
  EXPECT_TRUE(runs("s"));
  scheduler_.restart_shuffle(text_key("s"), run, now_);
  EXPECT_THAT(said(), Contains("fail-shuffle w1 s run " + std::to_string(run)));
  EXPECT_EQ(state_of("t1"), "processing");
}

TEST_F(DaskShuffle, DoesNotBeginAnewWithAnOutputThatHasFailed) {
  reach_outputs();
  err(worker_of("o0"), "o0", "boom");
  die("w2");
  EXPECT_EQ(state_of("o0"), "erred");
  EXPECT_FALSE(runs("s"));
}

TEST_F(DaskShuffle, IsForgottenWithItsBarrier) {
  const std::int64_t run = reach_outputs();
  const std::string end = "s run " + std::to_string(run);
  EXPECT_THAT(release("alice", {"o0", "o1"}), Contains("fail-shuffle w1 " + end));
  EXPECT_EQ(scheduler_.find_shuffle(text_key("s")), nullptr);
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskShuffle, KeepsItsWorkersWhileOthersMayBeClosed) {
  reach_outputs();
  join("w3");
  EXPECT_THAT(scheduler_.workers_to_close(3), ElementsAre("w3"));
}

}  // namespace
}  // namespace trireme::launcher::dask
