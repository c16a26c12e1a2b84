// A node whose ranks only report: registers as an agent does, submits a run of --ranks ranks and sends status records
// of each, --hertz times a second, spread evenly, until its standard input ends. Prints {"run_id"} once every rank has
// reported.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <thread>

#include <spdlog/spdlog.h>

#include "agent/link.h"
#include "scheduler/client.h"
#include "scheduler/clock.h"
#include "trireme/base/status_record.h"
#include "trireme/base/version.h"
#include "trireme/v1/agent.pb.h"

namespace {

using namespace trireme;
using namespace trireme::launcher;

using Message = std::shared_ptr<v1::AgentMessage>;

class ReportingNode {
 public:
  ReportingNode(std::string address, int ranks)
      : ranks_(ranks), link_([this, address = std::move(address)] {
          static_cast<void>(run_link(
              address, ClientAccess{}, [] { return hello(); }, outbox_,
              [this](const v1::AgentCommand& command) { return on_command(command); }, std::chrono::seconds(1)));
        }) {}

  // Until the run's ranks have been told to start.
  void wait_for_start() const { has_started_.wait(false); }

  void report(const std::string& run_id, int rank, std::int64_t step) {
    StatusRecord record{.run_id = run_id, .rank = rank, .time = seconds_since_epoch(), .phase = "train", .step = step};
    const double wave = std::sin(static_cast<double>(step + rank) / 10);
    record.metrics = {{"loss", 3 + wave},
                      {"step_ms", 50 + 5 * wave},
                      {"exposed_comm_ms", 2 + wave},
                      {"memory_mib", 900 + wave},
                      {"tokens_per_s", 4e4 + 1e3 * wave}};
    record.collective = CollectiveStatus{static_cast<std::uint64_t>(step), "all_reduce", 4 << 20};
    auto said = std::make_shared<v1::AgentMessage>();
    said->mutable_rank_status()->add_json_lines(to_json_line(record));
    outbox_.put(std::move(said));
  }

 private:
  static v1::Register hello() {
    v1::Register hello;
    hello.set_node("node0");
    hello.set_host("127.0.0.1");
    hello.set_version(version());
    return hello;
  }

  bool on_command(const v1::AgentCommand& command) {
    if (command.has_open_store()) {
      auto said = std::make_shared<v1::AgentMessage>();
      said->mutable_store_opened()->set_run_id(command.open_store().run_id());
      said->mutable_store_opened()->set_store_port(1);
      outbox_.put(std::move(said));
    }
    if (command.has_start_run()) {
      for (int rank = 0; rank < ranks_; ++rank) say_started(command.start_run().run_id(), rank);
      has_started_ = true;
      has_started_.notify_all();
    }
    return !command.has_stop();
  }

  void say_started(const std::string& run_id, int rank) {
    auto said = std::make_shared<v1::AgentMessage>();
    said->mutable_rank_started()->set_run_id(run_id);
    said->mutable_rank_started()->set_rank(rank);
    outbox_.put(std::move(said));
  }

  const int ranks_;
  MessageOutbox outbox_{10'000};
  std::atomic<bool> has_started_ = false;
  std::thread link_;
};

std::map<std::string, std::string> options_of(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--ranks", "64"}, {"--hertz", "1"}};
  for (int word = 1; word + 1 < argc; word += 2) options[argv[word]] = argv[word + 1];
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);  // standard output is the benchmark's
  auto options = options_of(argc, argv);
  const int ranks = std::stoi(options["--ranks"]);
  const auto pause = std::chrono::duration<double>(1 / std::stod(options["--hertz"]) / ranks);
  const std::string address = options["--scheduler"];
  ReportingNode node(address, ranks);
  SchedulerClient client(address);
  const std::string run_id = client.submit({.command = {"/bin/program"}, .ranks = ranks, .nodes = 1});
  node.wait_for_start();
  for (int rank = 0; rank < ranks; ++rank) node.report(run_id, rank, 0);
  std::cout << "{\"run_id\": \"" << run_id << "\"}" << std::endl;
  std::thread([] {
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    std::_Exit(0);
  }).detach();
  auto next = std::chrono::steady_clock::now();
  for (std::int64_t step = 1;; ++step) {
    for (int rank = 0; rank < ranks; ++rank) {
      std::this_thread::sleep_until(next += std::chrono::duration_cast<std::chrono::nanoseconds>(pause));
      node.report(run_id, rank, step);
    }
  }
}
