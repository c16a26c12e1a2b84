#include <fmt/format.h>
#include <gmock/gmock.h>

#include "dask/wire/message.h"
#include "launcher/dask/materializer/python_fixture.h"

namespace trireme::launcher::dask {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

class Functions : public PythonFixture {};
class ProgressBars : public PythonFixture {
 protected:
  std::variant<ProgressBar, MaterializeError> read(Bytes setup) {
    return wait<std::variant<ProgressBar, MaterializeError>>(
        [&](auto done) { materializer_->read_progress_bar(std::move(setup), done); });
  }
};
class Uploads : public PythonFixture {
 protected:
  // What MODULE.answer() gives, which is 42 to the client.
  std::string answer_of_module() {
    const MaterializeRequest made =
        request_from(client_side("request_for_module", packed("uploaded", "def answer(x): return 42")));
    return evaluate(graph(made), made.wanted);
  }
  void upload_source(std::string_view source) {
    ASSERT_EQ(upload(client_side("upload_plugin", packed("uploaded.py", source))).index(), 0U);
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

TEST_F(ProgressBars, AreReadFromTheFunctionsTheySend) {
  for (const char* kind : {"ProgressBar", "MultiProgressBar"}) {
    const auto answer = read(client_side("progress_bar", packed(kind)));
    ASSERT_TRUE(std::holds_alternative<ProgressBar>(answer)) << std::get<MaterializeError>(answer).text;
    const ProgressBar& bar = std::get<ProgressBar>(answer);
    EXPECT_THAT(bar.keys, testing::UnorderedElementsAre(text_key("x"), testing::ResultOf(text_of, "('y', 1)")));
    EXPECT_TRUE(bar.shows_done);
    EXPECT_EQ(bar.by_kind, std::string_view(kind) == "MultiProgressBar");
  }
}

TEST_F(ProgressBars, AreNotWhatElseIsFed) {
  for (const Bytes& setup : {Bytes(), Bytes(std::string("cposix\ngetpid\n."))}) {
    const auto answer = read(setup);
    ASSERT_TRUE(std::holds_alternative<MaterializeError>(answer));
    EXPECT_THAT(std::get<MaterializeError>(answer).text, HasSubstr("distributed.progress() works"));
  }
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

// Three that exist in `distributed`, and what they hand on.
TEST_F(Uploads, MayBePluginsThatHandOthersOn) {
  const auto forwarded = [&](std::string_view made_by) {
    const Upload answer = upload(client_side("forwarding_plugin", packed(made_by)));
    if (const auto* error = std::get_if<MaterializeError>(&answer)) return "error: " + error->text;
    const ForwardedPlugin& plugin = std::get<0>(answer).at(0);
    return fmt::format("{} for {}: {}", plugin.name, plugin.to_nannies ? "nannies" : "workers",
                       client_side("described_plugin", plugin.plugin.view()).view());
  };
  EXPECT_EQ(forwarded("install"), "named for workers: _InstallWorkerPlugin installs: 42");
  EXPECT_EQ(forwarded("install and restart"), "named for nannies: _InstallNannyPlugin installs: 42");
  EXPECT_EQ(forwarded("directory"), "upload-directory-folder for nannies: _UploadDirectoryNannyPlugin");
}

TEST_F(Uploads, AreTheOnlySchedulerPlugins) {
  const Upload answer = upload(client_side("other_plugin", ""));
  ASSERT_TRUE(std::holds_alternative<MaterializeError>(answer));
  EXPECT_THAT(std::get<MaterializeError>(answer).text, AllOf(HasSubstr("Counter"), HasSubstr("Worker plugins")));
}

}  // namespace
}  // namespace trireme::launcher::dask
