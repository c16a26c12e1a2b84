#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "agent/link.h"
#include "agent/node_run.h"

namespace trireme::launcher {

struct AgentOptions {
  NodePlace place;
  std::string scheduler;  // "host:port"
  ClientAccess access;    // what it comes to the scheduler with
  int gpus = 0;
};

// One node: keeps the stream to the scheduler, starts its part of runs, and listens on a unix socket for shims, status
// records of ranks, and mpirun's remote starts.
//
// Lifetime: run() blocks until the scheduler says stop; everything it started has ended then.
// Threads: one per connection on the socket, plus those of its runs.
class Agent {
 public:
  // Throws ConfigError when the socket cannot be made.
  explicit Agent(AgentOptions options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // 0 after an orderly stop, 1 when the scheduler is unreachable for good or turned the agent away.
  [[nodiscard]] int run();

 private:
  [[nodiscard]] trireme::v1::Register hello();
  [[nodiscard]] bool on_command(const trireme::v1::AgentCommand& command);
  [[nodiscard]] std::shared_ptr<NodeRun> run_of(const std::string& run_id);
  void close_run(const std::string& run_id);
  void close_all_runs();
  // The scheduler knows us (again): what it does not go on with ends, of the rest it hears how they stand.
  void take_up(const std::set<std::string>& active);

  void listen();
  void serve(LineChannel& channel);
  void serve_line(const std::string& line, LineChannel& channel);

  const AgentOptions options_;
  const double started_;  // seconds since the epoch
  MessageOutbox outbox_;
  UniqueFd listener_;
  std::mutex mutex_;  // guards everything below but accepter_
  std::map<std::string, std::shared_ptr<NodeRun>> runs_;
  std::set<std::string> closed_;
  std::map<LineChannel*, std::jthread> connections_;
  std::vector<std::jthread> finished_;
  std::vector<std::jthread> closers_;
  bool is_stopping_ = false;
  std::jthread accepter_;
};

}  // namespace trireme::launcher
