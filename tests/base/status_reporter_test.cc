#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "support/status_listener.h"
#include "support/temporary_folder.h"
#include "trireme/base/status_record.h"
#include "trireme/base/unique_fd.h"

namespace trireme {
namespace {

using test::StatusListener;

using namespace std::chrono_literals;

StatusRecord record_of_step(std::int64_t step) {
  StatusRecord record;
  record.run_id = "r-0001";
  record.step = step;
  return record;
}

TEST(StatusReporter, DeliversRecordsInOrder) {
  const test::TemporaryFolder folder;
  StatusListener agent(folder / "agent.sock");
  StatusReporter reporter(folder / "agent.sock");
  EXPECT_TRUE(reporter.is_connected());
  reporter.report(record_of_step(1));
  reporter.report(record_of_step(2));
  agent.accept();
  EXPECT_EQ(parse_status_record(agent.read_line()), record_of_step(1));
  EXPECT_EQ(parse_status_record(agent.read_line()), record_of_step(2));
  EXPECT_EQ(reporter.dropped(), 0U);
}

TEST(StatusReporter, DropsEverythingWithoutAnAgent) {
  StatusReporter nowhere(std::nullopt);
  StatusReporter missing("/nonexistent/agent.sock");
  StatusReporter too_long(std::string(4096, 'x'));
  for (StatusReporter* reporter : {&nowhere, &missing, &too_long}) {
    reporter->report(record_of_step(1));
    EXPECT_FALSE(reporter->is_connected());
    EXPECT_EQ(reporter->dropped(), 1U);
  }
}

TEST(StatusReporter, NeverBlocksWhenNobodyReads) {
  const test::TemporaryFolder folder;
  StatusListener agent(folder / "agent.sock");
  StatusReporter reporter(folder / "agent.sock");
  agent.accept();
  const int reports = 20000;  // far more than a socket buffer holds; a reporter that waits would hang here
  for (int step = 0; step < reports; ++step) reporter.report(record_of_step(step));
  EXPECT_GT(reporter.dropped(), 0U);
  EXPECT_LT(reporter.dropped(), static_cast<std::uint64_t>(reports));
}

TEST(StatusReporter, SendsWholeLinesAgainAfterTheReaderComesBack) {
  const test::TemporaryFolder folder;
  StatusListener agent(folder / "agent.sock");
  StatusReporter reporter(folder / "agent.sock");
  agent.accept();
  std::int64_t step = 0;
  while (reporter.dropped() == 0) reporter.report(record_of_step(step++));
  std::string text = agent.drain();
  reporter.report(record_of_step(999999));
  text += agent.drain();
  ASSERT_EQ(text.back(), '\n');
  std::int64_t last = -1;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    const auto record = parse_status_record(text.substr(begin, end - begin));
    EXPECT_GT(record.step, last);
    last = record.step;
    begin = end + 1;
  }
  EXPECT_EQ(last, 999999);
}

TEST(StatusReporter, SurvivesAnAgentThatHangsUp) {
  const test::TemporaryFolder folder;
  StatusListener agent(folder / "agent.sock");
  StatusReporter reporter(folder / "agent.sock");
  agent.accept();
  agent.hang_up();
  reporter.report(record_of_step(1));
  reporter.report(record_of_step(2));
  EXPECT_GE(reporter.dropped(), 1U);
}

TEST(StatusReporter, FindsAnAgentThatComesLater) {
  const test::TemporaryFolder folder;
  const auto first_attempt = std::chrono::steady_clock::now();
  StatusReporter reporter(folder / "agent.sock");
  StatusListener agent(folder / "agent.sock");
  reporter.report(record_of_step(1));
  const bool is_early = std::chrono::steady_clock::now() - first_attempt < 1s;
  EXPECT_FALSE(is_early && reporter.is_connected()) << "it may try once a second, not at each report";
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!reporter.is_connected() && std::chrono::steady_clock::now() < deadline) reporter.report(record_of_step(2));
  ASSERT_TRUE(reporter.is_connected());
  agent.accept();
  EXPECT_EQ(parse_status_record(agent.read_line()), record_of_step(2));
}

TEST(StatusReporter, IsSharedByThreads) {
  const test::TemporaryFolder folder;
  StatusListener agent(folder / "agent.sock");
  StatusReporter reporter(folder / "agent.sock");
  agent.accept();
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int step = 0; step < 50; ++step) reporter.report(record_of_step(step));
      });
    }
  }
  const auto text = agent.drain();
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) + reporter.dropped(), 200U);
}

}  // namespace
}  // namespace trireme
