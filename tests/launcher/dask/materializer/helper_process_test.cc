#include "dask/materializer/helper_process.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>

#include "launcher/dask/materializer/python_fixture.h"
#include "support/temporary_folder.h"

namespace trireme::launcher::dask {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Helper : public PythonFixture {};

TEST_F(Helper, AnswersInOrder) {
  std::vector<int> order;
  for (int number = 0; number < 4; ++number) {
    materializer_->materialize({}, [&, number](const Graph&) { order.push_back(number); });
  }
  while (order.size() < 4) context_.run_one();

  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
}

TEST_F(Helper, IsStartedAgainAfterItDied) {
  EXPECT_THAT(call_for_error("__import__('os').kill(__import__('os').getpid(), 11)"),
              HasSubstr("was killed by signal 11 (Segmentation fault)"));
  EXPECT_THAT(call_for_error("__import__('os')._exit(3)"), HasSubstr("ended by itself with exit code 3"));
  EXPECT_EQ(call_for_text("1 + 1"), "2");
}

TEST_F(Helper, OnlyTheRequestThatKilledItFails) {
  std::vector<bool> fine;
  for (const char* function : {"cposix\nabort\n.", "cposix\ngetpid\n."}) {
    materializer_->run_function({.function = Bytes(std::string(function)),
                                 .arguments = Bytes(std::string(").")),
                                 .keywords = Bytes(std::string("}.")),
                                 .identity = Bytes(std::string("\x81\xa7workers\x80"))},
                                [&](const Function& answer) { fine.push_back(answer.index() == 0); });
  }
  while (fine.size() < 2) context_.run_one();

  EXPECT_THAT(fine, ElementsAre(false, true));
}

TEST_F(Helper, SaysTheLastWordsOfAProcessThatDied) {
  EXPECT_THAT(call_for_error("(__import__('os').write(2, b'the reason\\n'), __import__('os').abort())"),
              AllOf(HasSubstr("signal 6"), HasSubstr("its last words: the reason")));
}

TEST_F(Helper, EndsARequestThatTakesTooLong) {
  restart_with({.python = TEST_PYTHON, .time_limit = std::chrono::milliseconds(300)});

  EXPECT_THAT(call_for_error("__import__('time').sleep(1000)"), HasSubstr("took too long"));
  EXPECT_EQ(call_for_text("1 + 1"), "2");
}

TEST_F(Helper, LetsARequestFailThatNeedsTooMuchMemory) {
  restart_with({.python = TEST_PYTHON, .memory_limit = 1ull << 30});

  EXPECT_THAT(call_for_error("bytearray(2 << 30)"),
              AllOf(HasSubstr("MemoryError"), HasSubstr("1024 MiB"), HasSubstr("Client.scatter")));
  EXPECT_EQ(call_for_text("len(bytearray(1 << 20))"), "1048576");
}

TEST_F(Helper, AnswersThoughAChildOfItsKeepsItsFilesOpen) {
  EXPECT_THAT(call_for_error("__import__('os').fork() == 0 and (__import__('os').setsid(), "
                             "__import__('time').sleep(30)) or __import__('os')._exit(4)"),
              HasSubstr("exit code 4"));
}

TEST_F(Helper, RemovesItsFolder) {
  const std::string folder = call_for_text("__import__('os').getcwd()");
  ASSERT_TRUE(std::filesystem::is_directory(folder));
  EXPECT_EQ(call_for_text("open('left behind', 'w').close()"), "None");

  materializer_.reset();

  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(Helper, TakesNoNewPrivileges) {
  EXPECT_EQ(call_for_text("[l for l in open('/proc/self/status') if l.startswith('NoNewPrivs')][0].split()[1]"), "1");
}

// A Python that has no Dask to import, but modules that are named so.
class HelperWithStandIns : public Helper {
 protected:
  HelperWithStandIns() {
    for (const char* module : {"dask/__init__.py", "dask/_expr.py", "dask/_task_spec.py", "dask/order.py",
                               "distributed/client.py", "msgpack.py"}) {
      modules_.write(module, "");
    }
    modules_.write("distributed/__init__.py", "__version__ = str(__import__('os').getuid())");
    std::filesystem::permissions(modules_.path(), std::filesystem::perms(0755));
    ::setenv("PYTHONPATH", modules_.path().c_str(), 1);
  }
  ~HelperWithStandIns() override { ::unsetenv("PYTHONPATH"); }

  test::TemporaryFolder modules_;
};

TEST_F(HelperWithStandIns, IsNobodyWhereTheLauncherIsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "the tests do not run as root";
  // Whatever is asked, it answers with its user.
  modules_.write("msgpack.py", R"(
import os
def unpackb(*arguments, **options): raise ValueError
def packb(value): return str(os.getresuid()).encode()
)");
  modules_.write("distributed/core.py", R"(
class Pickle: data = b""
def error_message(error): return dict(exception=Pickle, traceback=None, exception_text="", traceback_text="")
)");
  HelperProcess helper(context_, {.python = "/usr/bin/python3"});
  const auto answer = wait<std::variant<Bytes, HostFailure>>([&](auto done) { helper.exchange(Bytes(), done); });

  ASSERT_TRUE(std::holds_alternative<Bytes>(answer)) << std::get<HostFailure>(answer).text;
  EXPECT_EQ(std::get<Bytes>(answer).view(), "(65534, 65534, 65534)");
}

TEST_F(Helper, IsUnusableWithoutAPythonThatHasDask) {
  HelperProcess helper(context_, {.python = "/usr/bin/false"});
  const auto answer = wait<std::variant<Bytes, HostFailure>>([&](auto done) { helper.exchange(Bytes(), done); });

  const auto* failure = std::get_if<HostFailure>(&answer);
  ASSERT_NE(failure, nullptr);
  EXPECT_TRUE(failure->unusable);
  EXPECT_THAT(failure->text, AllOf(HasSubstr("/usr/bin/false"), HasSubstr("TRIREME_DASK_PYTHON")));
}

TEST_F(Helper, IsUnusableWithoutTheProgram) {
  HelperProcess helper(context_, {.python = "/nowhere/python3"});
  const auto answer = wait<std::variant<Bytes, HostFailure>>([&](auto done) { helper.exchange(Bytes(), done); });

  ASSERT_TRUE(std::holds_alternative<HostFailure>(answer));
  EXPECT_THAT(std::get<HostFailure>(answer).text, HasSubstr("No such file"));
}

}  // namespace
}  // namespace trireme::launcher::dask
