#include "agent/link.h"

#include <gtest/gtest.h>

#include <grpcpp/impl/service_type.h>
#include <spdlog/spdlog.h>

#include "api/api_server.h"
#include "scheduler/client.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "support/temporary_folder.h"
#include "trireme/base/message.h"
#include "trireme/base/version.h"
#include "trireme/v1/agent.pb.h"

// Schedulers and a node's link over real gRPC, on one port of loopback.
namespace trireme::launcher {
namespace {

using namespace std::chrono_literals;

// A scheduler with its services, as `launcher scheduler` makes it.
class Served {
 public:
  Served(const std::filesystem::path& folder, std::uint16_t port, bool resume)
      : scheduler({.expected_nodes = 1, .state_folder = folder, .resume = resume}),
        services_(make_services(scheduler, nullptr)),
        api_({.port = port, .services = pointers(services_)}, scheduler) {}

  [[nodiscard]] std::uint16_t port() const { return api_.port(); }

  Scheduler scheduler;

 private:
  using Services = std::vector<std::shared_ptr<grpc::Service>>;
  static std::vector<grpc::Service*> pointers(const Services& services) {
    std::vector<grpc::Service*> all;
    for (const auto& service : services) all.push_back(service.get());
    return all;
  }

  const Services services_;
  const ApiServer api_;
};

// A node that answers as an agent does, and whose one rank writes what the test says.
class Node {
 public:
  explicit Node(std::uint16_t port)
      : thread_([this, address = message("127.0.0.1:{}", port)] {
          end_ = run_link(
              address, {}, [this] { return hello(); }, outbox_,
              [this](const v1::AgentCommand& command) { return on_command(command); }, 60s);
        }) {}

  void write(std::uint64_t first_line, const std::string& line) {
    auto said = std::make_shared<v1::AgentMessage>();
    said->mutable_rank_output()->set_run_id("r-0001");
    said->mutable_rank_output()->set_first_line(first_line);
    said->mutable_rank_output()->add_lines(line);
    outbox_.put(std::move(said));
  }
  void report(std::int64_t step) {
    auto said = std::make_shared<v1::AgentMessage>();
    said->mutable_rank_status()->add_json_lines(to_json_line({.run_id = "r-0001", .step = step}));
    outbox_.put(std::move(said));
  }
  void exit() {
    auto said = std::make_shared<v1::AgentMessage>();
    said->mutable_rank_exited()->set_run_id("r-0001");
    outbox_.put(std::move(said));
  }
  LinkEnd join() {
    thread_.join();
    return end_;
  }
  [[nodiscard]] int starts() const { return starts_; }

 private:
  v1::Register hello() {
    v1::Register hello;
    hello.set_node("node0");
    hello.set_host("127.0.0.1");
    hello.set_version(version());
    if (starts_ > 0) hello.add_runs("r-0001");
    return hello;
  }
  bool on_command(const v1::AgentCommand& command) {
    if (command.has_open_store()) {
      auto said = std::make_shared<v1::AgentMessage>();
      said->mutable_store_opened()->set_run_id("r-0001");
      said->mutable_store_opened()->set_store_port(4000);
      outbox_.put(std::move(said));
    }
    if (command.has_start_run()) ++starts_;
    const bool is_back = command.has_registered() && starts_ > 0;
    if (command.has_start_run() || is_back) {
      auto said = std::make_shared<v1::AgentMessage>();
      said->mutable_rank_started()->set_run_id("r-0001");
      outbox_.put(std::move(said));
    }
    return !command.has_stop();
  }

  MessageOutbox outbox_{1000};
  std::atomic<int> starts_ = 0;
  LinkEnd end_ = LinkEnd::kUnreachable;
  std::jthread thread_;
};

// Fails the test when it does not become so within half a minute.
template <typename Condition>
void await(const Scheduler& scheduler, Condition is_so) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  std::uint64_t seen = 0;
  while (!is_so()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    seen = scheduler.wait_for_change(seen, 20ms);
  }
}

std::string status_of(const Scheduler& scheduler) {
  const std::optional<RunView> run = scheduler.run("r-0001");
  return run ? run->status : "";
}

TEST(Link, CarriesARunOverTheEndOfAScheduler) {
  // The library that holds it is not instrumented: made by one of two threads, it would look like a race.
  static_cast<void>(spdlog::default_logger());
  const test::TemporaryFolder folder;
  auto first = std::make_unique<Served>(folder / "first", std::uint16_t{0}, false);
  const std::uint16_t port = first->port();
  Node node(port);
  await(first->scheduler, [&] { return first->scheduler.snapshot().nodes.size() == 1; });
  SchedulerClient client(message("127.0.0.1:{}", port));
  EXPECT_EQ(client.submit({.command = {"/bin/program"}, .ranks = 1}), "r-0001");
  await(first->scheduler, [&] { return status_of(first->scheduler) == "running"; });
  constexpr std::uint64_t kLines = 300;
  for (std::uint64_t line = 0; line < kLines; ++line) node.write(line, message("line {}", line));
  await(first->scheduler, [&] { return first->scheduler.log_tail("r-0001", 1000).size() == kLines; });
  // What a SIGKILL now would leave: an orderly end hangs up on the node and records that.
  std::filesystem::copy(folder / "first", folder / "second", std::filesystem::copy_options::recursive);
  first.reset();
  for (std::uint64_t line = kLines; line < 2 * kLines; ++line) node.write(line, message("line {}", line));

  Served second(folder / "second", port, true);
  await(second.scheduler, [&] { return second.scheduler.log_tail("r-0001", 1000).size() >= 2 * kLines; });
  EXPECT_EQ(status_of(second.scheduler), "running");
  node.exit();
  await(second.scheduler, [&] { return status_of(second.scheduler) == "succeeded"; });
  const std::vector<std::string> lines = second.scheduler.log_tail("r-0001", 1000);
  ASSERT_EQ(lines.size(), 2 * kLines);
  for (std::uint64_t line = 0; line < 2 * kLines; ++line) EXPECT_EQ(lines[line], message("[0] line {}", line));
  EXPECT_EQ(node.starts(), 1);
  second.scheduler.post(StopRequested{});
  EXPECT_EQ(node.join(), LinkEnd::kStopped);
}

// Blocks for good when the scheduler acknowledges less than it takes.
TEST(Link, KeepsNoRecordThatTheSchedulerHas) {
  static_cast<void>(spdlog::default_logger());
  const test::TemporaryFolder folder;
  Served served(folder.path(), 0, false);
  Node node(served.port());
  await(served.scheduler, [&] { return served.scheduler.snapshot().nodes.size() == 1; });
  const std::string run_id = served.scheduler.submit({.command = {"/bin/program"}, .ranks = 1});
  await(served.scheduler, [&] { return status_of(served.scheduler) == "running"; });
  constexpr std::int64_t kRecords = 3000;  // more than the node keeps
  for (std::int64_t step = 1; step <= kRecords; ++step) node.report(step);
  await(served.scheduler, [&] { return served.scheduler.run(run_id)->insight.step == kRecords; });
  node.exit();
  served.scheduler.post(StopRequested{});
  EXPECT_EQ(node.join(), LinkEnd::kStopped);
}

}  // namespace
}  // namespace trireme::launcher
