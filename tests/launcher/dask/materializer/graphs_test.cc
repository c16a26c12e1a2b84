#include <algorithm>
#include <chrono>
#include <cstdio>

#include <gmock/gmock.h>

#include "dask/wire/message.h"
#include "launcher/dask/materializer/python_fixture.h"

namespace trireme::launcher::dask {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class Graphs : public PythonFixture {
 protected:
  // What the graph of this name computes to.
  std::string computed(std::string_view name) {
    const MaterializeRequest made = request(name);
    return evaluate(graph(made), made.wanted);
  }
  std::string error_of(std::string_view name) {
    const Graph answer = materialize(request(name));
    const auto* error = std::get_if<MaterializeError>(&answer);
    return error ? raised(*error) : "no error";
  }
  static const TaskSpec& task(const MaterializedGraph& graph, std::string_view key) {
    return *std::ranges::find(graph.tasks, text_key(key), &TaskSpec::key);
  }
};

TEST_F(Graphs, OfSubmitAndMapComputeTheSameAsWithDask) {
  EXPECT_EQ(computed("submit"), "[-7]");
  EXPECT_EQ(computed("map of lambdas"), "[1, 4, 9]");
  EXPECT_EQ(computed("map over objects"), "[Point(2), Point(3)]");
}

TEST_F(Graphs, OfCollectionsComputeTheSameAsWithDask) {
  EXPECT_EQ(computed("delayed"), "[10, 11]");
  EXPECT_EQ(computed("bag"), "[[(0, 4), (1, 3), (2, 3)]]");
}

TEST_F(Graphs, HoldOnlyWhatIsWanted) {
  const MaterializedGraph culled = graph(request("culled"));

  ASSERT_THAT(culled.tasks, SizeIs(1));
  EXPECT_EQ(culled.tasks[0].key, text_key("b"));
}

TEST_F(Graphs, KeepTheOrderThatTheClientSays) {
  const MaterializedGraph made = graph(request("map of lambdas"));

  EXPECT_EQ(task(made, "call-0").order, 0);
  EXPECT_EQ(task(made, "call-2").order, 2);
}

TEST_F(Graphs, AreOrderedByDaskWhereTheClientDoesNotSay) {
  const MaterializedGraph made = graph(request("delayed"));

  std::vector<std::int64_t> orders;
  for (const TaskSpec& task : made.tasks) orders.push_back(task.order);
  std::ranges::sort(orders);
  EXPECT_EQ(std::ranges::unique(orders).begin(), orders.end());
  for (const TaskSpec& task : made.tasks) {
    for (const Key& dependency : task.dependencies) {
      EXPECT_LT(std::ranges::find(made.tasks, dependency, &TaskSpec::key)->order, task.order);
    }
  }
}

TEST_F(Graphs, HaveKeysOfAnyType) { EXPECT_EQ(computed("keys of any type"), "[-3, -4, -5, -6]"); }

TEST_F(Graphs, ShareTheAnnotationsThatAreForAllTasks) {
  const MaterializedGraph made = graph(request("annotations for all"));

  const Annotations& annotations = *made.tasks[0].annotations;
  EXPECT_EQ(made.tasks[0].annotations, made.tasks[1].annotations);
  EXPECT_EQ(annotations.retries, 2u);
  EXPECT_THAT(annotations.workers, ElementsAre("alice"));
  EXPECT_EQ(find_integer(Message::decode(Frames{annotations.packed}).root(), "retries", 0), 2);
}

TEST_F(Graphs, AskCallableAnnotationsForEachKey) {
  const MaterializedGraph made = graph(request("annotations by key"));

  EXPECT_EQ(task(made, "call-0").annotations->priority, 0);
  EXPECT_EQ(task(made, "call-1").annotations->priority, 9);
}

TEST_F(Graphs, PreferTheAnnotationsOfLayers) {
  const MaterializedGraph made = graph(request("annotated layers"));

  const auto inner = std::ranges::find(made.tasks, 5, [](const TaskSpec& task) { return task.annotations->priority; });
  ASSERT_NE(inner, made.tasks.end());
  EXPECT_THAT(inner->annotations->workers, ElementsAre("alice", "tcp://10.0.0.1:1"));
  EXPECT_THAT(inner->annotations->resources, ElementsAre(testing::Pair("GPU", 1)));
  const auto outer = std::ranges::find(made.tasks, 3u, [](const TaskSpec& task) { return task.annotations->retries; });
  ASSERT_NE(outer, made.tasks.end());
  EXPECT_EQ(outer->annotations->priority, 1);
  EXPECT_TRUE(outer->annotations->allow_other_workers);
}

TEST_F(Graphs, WithoutAnnotationsShareOneEmptySet) {
  const MaterializedGraph made = graph(request("map of lambdas"));

  EXPECT_EQ(made.tasks[0].annotations, made.tasks[2].annotations);
  EXPECT_TRUE(made.tasks[0].annotations->packed.empty());
}

TEST_F(Graphs, WhoseCodePrintsArriveWhole) { EXPECT_EQ(computed("printing"), "[-1]"); }

TEST_F(Graphs, ThatCannotBeOpenedRaiseWhy) {
  EXPECT_EQ(error_of("exploding"), "ZeroDivisionError('no priority for call-0')");
  EXPECT_THAT(error_of("unsendable annotation"), HasSubstr("annotations of tasks must be numbers"));
  EXPECT_THAT(error_of("not a graph"), HasSubstr("AttributeError"));
}

TEST_F(Graphs, ThatNeedAMissingModuleSayHowToBringIt) {
  const Bytes made = client_side("request_for_module", packed("nowhere_module", "def answer(x): return 42"));

  const Graph answer = materialize(request_from(made));

  ASSERT_TRUE(std::holds_alternative<MaterializeError>(answer));
  const auto& error = std::get<MaterializeError>(answer);
  EXPECT_THAT(raised(error), AllOf(HasSubstr("RuntimeError"), HasSubstr("upload_file")));
  EXPECT_THAT(error.text, HasSubstr("deserialization"));
  EXPECT_EQ(error.traceback.kind, Opaque::Kind::kBin);
}

TEST_F(Graphs, ThatAreNoPickleAtAllAreErrors) {
  MaterializeRequest request{.header = Bytes(std::string("\x80")), .frames = {Bytes(std::string("x"))}};

  EXPECT_TRUE(std::holds_alternative<MaterializeError>(materialize(request)));
}

TEST_F(Graphs, OfTenThousandTasksTakeAtMost40MicrosecondsEach) {
  const MaterializeRequest made = request("10,000 tasks");
  const auto processor_time = [this] { return std::stod(call_for_text("__import__('time').process_time()")); };
  static_cast<void>(graph(made));

  const double before = processor_time();
  const MaterializedGraph whole = graph(made);
  const double each = (processor_time() - before) / 10'000;

  ASSERT_THAT(whole.tasks, SizeIs(10'000));
  std::printf("%.1f us of the helper's CPU a task\n", 1e6 * each);
  EXPECT_LT(each, 40e-6);
}

}  // namespace
}  // namespace trireme::launcher::dask
