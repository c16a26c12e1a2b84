#include <gmock/gmock.h>

#include "dask/wire/message.h"
#include "launcher/dask/materializer/python_fixture.h"

namespace trireme::launcher::dask {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

class Functions : public PythonFixture {};
class Uploads : public PythonFixture {
 protected:
  // What MODULE.answer() gives, which is 42 to the client.
  std::string answer_of_module() {
    const MaterializeRequest made =
        request_from(client_side("request_for_module", packed("uploaded", "def answer(x): return 42")));
    return evaluate(graph(made), made.wanted);
  }
  void upload_source(std::string_view source) {
    ASSERT_TRUE(
        std::holds_alternative<std::monostate>(upload(client_side("upload_plugin", packed("uploaded.py", source)))));
  }
};

TEST_F(Functions, SeeTheSchedulersAddressAndWorkers) {
  EXPECT_EQ(call_for_text("dask_scheduler.address"), "tcp://10.0.0.9:8786");
  EXPECT_EQ(call_for_text("sorted(dask_scheduler.workers)"), "['tcp://10.0.0.1:1', 'tcp://10.0.0.2:2']");
  EXPECT_EQ(call_for_text("dask_scheduler.workers['tcp://10.0.0.1:1'].nthreads"), "4");
  EXPECT_EQ(call_for_text("dask_scheduler.plugins"), "{}");
  EXPECT_EQ(call_for_text("dask_scheduler.identity()['id']"), "Scheduler-1");
}

TEST_F(Functions, FindWhatEarlierOnesLeftOnTheScheduler) {
  EXPECT_EQ(call_for_text("hasattr(dask_scheduler, '_raft_comm_state')"), "False");
  EXPECT_EQ(call_for_text("setattr(dask_scheduler, '_raft_comm_state', {'session': 1})"), "None");
  EXPECT_EQ(call_for_text("dask_scheduler._raft_comm_state['session']"), "1");
}

TEST_F(Functions, LeaveThreadsBehindThatGoOn) {
  EXPECT_EQ(call_for_text("(setattr(dask_scheduler, 'gate', __import__('threading').Event()), "
                          "setattr(dask_scheduler, 'passed', __import__('threading').Event()), "
                          "__import__('threading').Thread(target=lambda: (dask_scheduler.gate.wait(), "
                          "dask_scheduler.passed.set()), daemon=True).start())[0]"),
            "None");
  EXPECT_EQ(call_for_text("dask_scheduler.gate.set()"), "None");
  EXPECT_EQ(call_for_text("dask_scheduler.passed.wait(30)"), "True");
}

TEST_F(Functions, AreToldWhatToUseInsteadOfWhatIsNotThere) {
  EXPECT_THAT(call_for_error("dask_scheduler.tasks"),
              AllOf(HasSubstr("no attribute 'tasks'"), HasSubstr("Client.who_has()")));
  EXPECT_THAT(call_for_error("dask_scheduler.add_plugin(None)"), HasSubstr("WorkerPlugin"));
  EXPECT_THAT(call_for_error("dask_scheduler.workers['tcp://10.0.0.1:1'].processing"),
              HasSubstr("no attribute 'processing'"));
}

TEST_F(Functions, LogEventsForTheSchedulerToPublish) {
  const Function answer = call("lambda _, __, dask_scheduler: dask_scheduler.log_event(['a', 'b'], {'x': 1})");

  const auto& events = std::get<FunctionResult>(answer).events;
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[1].first, "b");
  EXPECT_EQ(find_integer(Message::decode(Frames{events[1].second}).root(), "x", 0), 1);
}

TEST_F(Functions, MayDoWithoutTheScheduler) {
  EXPECT_TRUE(std::holds_alternative<FunctionResult>(call("lambda _, __: 1")));
}

constexpr const char* kCoroutine =
    "(lambda names: exec('async def run(_, __, dask_scheduler):\\n    dask_scheduler.ran = True\\n    return "
    "b\"ran\"', "
    "names) or names['run'])({})";

TEST_F(Functions, MayBeCoroutines) {
  const Function answer = call(kCoroutine);

  ASSERT_TRUE(std::holds_alternative<FunctionResult>(answer));
  EXPECT_EQ(std::get<FunctionResult>(answer).value.frames.at(0).view(), "ran");
}

TEST_F(Functions, AreErrorsWhereTheyRaise) {
  EXPECT_THAT(call_for_error("1 / 0"), HasSubstr("ZeroDivisionError"));
  EXPECT_THAT(call_for_error("__import__('sys').exit(3)"), HasSubstr("SystemExit(3)"));
  EXPECT_THAT(call_for_error("__import__('threading').Lock()"), HasSubstr("serialize"));
  EXPECT_EQ(call_for_text("1 + 1"), "2");
}

TEST_F(Functions, CannotReadOrWriteTheSchedulersSocket) {
  EXPECT_EQ(call_for_text("__import__('sys').stdin.read()"), "");
  EXPECT_EQ(call_for_text("__import__('os').write(1, b'not a response')"), "14");
}

TEST_F(Uploads, MakeModulesImportable) {
  upload_source("def answer(x): return 'first'");
  EXPECT_EQ(answer_of_module(), "['first']");
}

TEST_F(Uploads, ReplaceWhatWasUploadedBefore) {
  upload_source("def answer(x): return 'first'");
  upload_source("def answer(x): return 'the second one'");
  EXPECT_EQ(answer_of_module(), "['the second one']");
}

TEST_F(Uploads, AreThereStillInANewProcess) {
  upload_source("def answer(x): return 'still'");
  EXPECT_THAT(call_for_error("__import__('os').kill(__import__('os').getpid(), 9)"), HasSubstr("signal 9"));
  EXPECT_EQ(answer_of_module(), "['still']");
}

TEST_F(Uploads, OfBrokenModulesRaiseWhatIsWrong) {
  const Upload answer = upload(client_side("upload_plugin", packed("broken.py", "1 / 0")));
  ASSERT_TRUE(std::holds_alternative<MaterializeError>(answer));
  EXPECT_THAT(std::get<MaterializeError>(answer).text, HasSubstr("ZeroDivisionError"));
}

TEST_F(Uploads, AreTheOnlySchedulerPlugins) {
  const Upload answer = upload(client_side("other_plugin", ""));
  ASSERT_TRUE(std::holds_alternative<MaterializeError>(answer));
  EXPECT_THAT(std::get<MaterializeError>(answer).text, AllOf(HasSubstr("Counter"), HasSubstr("Worker plugins")));
}

}  // namespace
}  // namespace trireme::launcher::dask
