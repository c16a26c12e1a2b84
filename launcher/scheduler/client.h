#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/client_access.h"
#include "jobs/run_spec.h"
#include "scheduler/snapshot.h"
#include "store/log_book.h"
#include "trireme/base/error.h"

namespace trireme::launcher {

// Nobody answers at the scheduler's address, or not in time.
class UnreachableError : public Error {
 public:
  using Error::Error;
};

// The scheduler knows no run of that id, or no node of that name.
class NotFoundError : public Error {
 public:
  using Error::Error;
};

// A scheduler, as the command line sees it: trireme.v1 over gRPC. Thread-safe.
// Every call throws UnreachableError, NotFoundError, AccessError or ConfigError (the request was rejected).
class SchedulerClient {
 public:
  // `address` is "HOST:PORT".
  explicit SchedulerClient(const std::string& address, const ClientAccess& access = {});
  ~SchedulerClient();
  SchedulerClient(const SchedulerClient&) = delete;
  SchedulerClient& operator=(const SchedulerClient&) = delete;

  [[nodiscard]] ClusterSnapshot status(std::chrono::milliseconds timeout = std::chrono::seconds(5));
  // Blocks; calls `on_status` at once and after changes, until it returns false or the scheduler ends.
  void watch_status(const std::function<bool(const ClusterSnapshot&)>& on_status);
  // Returns the runs that are cancelled by it.
  std::vector<std::string> shut_down();

  [[nodiscard]] std::string submit(const RunSpec& spec);
  [[nodiscard]] RunView run(const std::string& run_id);
  // Submits again what an earlier run was asked for; returns the new run's id.
  [[nodiscard]] std::string rerun(const std::string& run_id);
  // Newest first.
  [[nodiscard]] std::vector<RunView> runs();
  // Returns the run's status before.
  std::string cancel(const std::string& run_id, bool force, const std::string& reason);
  [[nodiscard]] std::vector<MetricPoint> metrics(const std::string& run_id);

  // Gives the node no new ranks; what still runs there after `cancel_after` seconds, if given, is cancelled.
  NodeView drain(const std::string& node, std::optional<double> cancel_after);
  NodeView undrain(const std::string& node);
  // The node leaves the cluster once no ranks run there; status() shows it until then.
  void remove_node(const std::string& node);

  struct Follower {
    std::function<void(const LogEntry&)> on_line;
    std::function<void(const RunView&)> on_run;
  };
  // Blocks: the run's output from its start; with `until_end` until it has ended.
  void follow(const std::string& run_id, bool until_end, const Follower& follower);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme::launcher
