#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "scheduler/outbox.h"
#include "scheduler/snapshot.h"
#include "scheduler/transitions.h"
#include "store/curve_buffer.h"
#include "store/history.h"
#include "store/log_book.h"
#include "store/metric_book.h"

namespace trireme::v1 {
class AgentCommand;
}

namespace trireme::launcher {

using CommandOutbox = Outbox<std::shared_ptr<trireme::v1::AgentCommand>>;

struct SchedulerOptions {
  std::string name = "default";
  std::string provider = "local";
  std::string host = "127.0.0.1";
  std::uint16_t dask_port = 8786;
  std::uint16_t http_port = 8787;
  int expected_nodes = 0;              // the cluster is "starting" until so many have registered
  std::filesystem::path state_folder;  // holds history.sqlite and runs/
  std::string launcher;                // this binary, as nodes start it
  std::string interface;               // network interface of the nodes, for Open MPI; empty: its choice
  const TaskSource* tasks = nullptr;   // what the Dask face does; outlives the scheduler; null: nothing is known
  bool resume = false;                 // go on with the runs of a scheduler that ended before its nodes
};

// The shell around transitions.h: keeps the state, carries out effects, tells the faces.
//
// Lifetime: made once by the scheduler process; the services and faces that use it end before it.
// Threads: every member may be called from any thread. One thread of its own ticks, writes history and notifies.
// Failure: a history that cannot be written is logged and does not stop runs. What a run needs to go on after a SIGKILL
// is in the history before anything follows from it.
class Scheduler final : public SnapshotSource {
 public:
  // Throws DataError when the history cannot be opened.
  explicit Scheduler(SchedulerOptions options);
  ~Scheduler() override;

  // Brings away from a node what only its runs that follow the nodes keep, then calls `done`, from any thread, once.
  using Evacuate = std::function<void(const std::string& node, std::function<void()> done)>;
  // From now on; an empty one: nobody keeps anything there. It is called under the scheduler's lock and returns at
  // once.
  void evacuate_by(Evacuate evacuate);

  void post(const Event& event);
  // Throws ConfigError saying what is wrong with the request. Returns the run's id, the first one's where the request
  // follows the nodes and several begin.
  [[nodiscard]] std::string submit(const RunSpec& spec);
  // What a run of now or before was asked for; nullopt when that is not known.
  [[nodiscard]] std::optional<RunSpec> spec(const std::string& run_id) const;
  // Lines a rank wrote to a stream, after `first_line` others; those that came before are left out.
  void add_output(const std::string& run_id, int rank, bool is_error, std::uint64_t first_line,
                  std::vector<std::string> lines);
  void add_status(const StatusRecord& record);
  // Where commands for a node go from now on; the previous outbox, if any, is closed.
  void connect_node(const std::string& node, std::shared_ptr<CommandOutbox> outbox);
  // The node is lost unless another outbox has taken this one's place.
  void disconnect_node(const std::string& node, const std::shared_ptr<CommandOutbox>& outbox, const std::string& cause);

  [[nodiscard]] ClusterSnapshot snapshot() const override;
  [[nodiscard]] std::vector<MetricPoint> history(const std::string& run_id, std::size_t limit) const override;
  [[nodiscard]] std::vector<MetricPoint> curve(const CurveQuery& query) const override;
  [[nodiscard]] std::vector<ClusterEvent> events(std::uint64_t after, std::size_t limit) const override;
  [[nodiscard]] std::vector<std::string> log_tail(const std::string& run_id, std::size_t lines) const override;
  [[nodiscard]] std::shared_ptr<void> subscribe(std::function<void(std::uint64_t)> on_change) override;
  [[nodiscard]] const TaskSource* tasks() const override { return options_.tasks; }

  // nullopt when there is none of that id, neither active nor in history.
  [[nodiscard]] std::optional<RunView> run(const std::string& run_id) const override;
  // Ids of the runs that have not ended.
  [[nodiscard]] std::vector<std::string> active_runs() const;
  // nullopt when there is none of that name.
  [[nodiscard]] std::optional<NodeView> node(const std::string& name) const;
  [[nodiscard]] std::vector<NodeView> nodes() const;
  [[nodiscard]] const LogBook& logs() const { return logs_; }
  // Points as they come, for those who follow them.
  [[nodiscard]] const CurveBuffer& live_points() const { return curves_; }
  // The sequence number of the newest event.
  [[nodiscard]] std::uint64_t newest_event() const { return history_.newest_event(); }
  // A stop was requested: streams end.
  [[nodiscard]] bool is_stopping() const;
  // Of a run that is not known, too.
  [[nodiscard]] bool is_over(const std::string& run_id) const;
  [[nodiscard]] std::uint64_t revision() const;
  // Blocks until the revision is above `seen` or `timeout` passes; returns the revision.
  std::uint64_t wait_for_change(std::uint64_t seen, std::chrono::milliseconds timeout) const;
  // Blocks until a stop was requested and every node has hung up, or `timeout` passes; true when stopped.
  [[nodiscard]] bool wait_until_stopped(std::chrono::milliseconds timeout) const;

 private:
  struct Subscription {
    std::function<void(std::uint64_t)> on_change;
  };

  // Without insights, and when it changed last.
  [[nodiscard]] ClusterSnapshot plain_snapshot(Seconds& changed) const;
  // Under the lock.
  void count_change();
  [[nodiscard]] bool is_insight_old() const;
  void adopt_history();
  [[nodiscard]] std::vector<Run> take_back_runs();
  [[nodiscard]] std::vector<Node> take_back_drains() const;
  // True when it had effects.
  bool take(const Event& event);
  void reject_unfit(const RunSpec& spec) const;
  void carry_out(const std::vector<Effect>& effects);
  void send(const std::string& node, std::shared_ptr<trireme::v1::AgentCommand> command);
  [[nodiscard]] std::shared_ptr<trireme::v1::AgentCommand> start_command(const Run& run, const std::string& node) const;
  void carry_out(const OpenStoreOn& effect);
  void carry_out(const StartRunOn& effect);
  void carry_out(const SignalRunOn& effect);
  void carry_out(const ReleaseRunOn& effect);
  void carry_out(const ReportLostOn& effect);
  void carry_out(const CloseRunOn& effect);
  void carry_out(const StopNode& effect);
  void carry_out(const VacateNode& effect);
  void carry_out(const AdmitRun& effect);
  void carry_out(const RecordRun& effect);
  void carry_out(const RecordDrain& effect);
  void carry_out(const Note& effect);
  void save_spec(const std::string& run_id, const RunSpec& spec);
  [[nodiscard]] bool has_rank(const std::string& run_id, int rank) const;
  void work(const std::stop_token& stop);
  void write_history();
  void write_points() const;
  void notify_subscribers(std::uint64_t revision);

  const SchedulerOptions options_;
  const std::filesystem::path runs_folder_;
  const Seconds started_;
  mutable History history_;
  LogBook logs_;
  MetricBook metrics_;          // rank 0's curves of now, in memory
  mutable CurveBuffer curves_;  // all ranks' points on their way to the history

  mutable std::mutex points_mutex_;  // held from where points leave curves_ until they are in the history

  mutable std::mutex mutex_;  // guards everything below
  mutable std::condition_variable changed_;
  mutable std::condition_variable hung_up_;  // apart: who waits for the end sleeps through every other change
  ClusterState state_;
  Evacuate evacuate_;
  std::vector<RunView> past_;  // of earlier schedulers, newest first
  Seconds changed_at_ = 0;     // when the revision last grew
  std::uint64_t revision_;     // begins with the scheduler's start in microseconds: grows over restarts too
  std::map<std::string, std::shared_ptr<CommandOutbox>> outboxes_;
  bool are_nodes_unsaved_ = false;
  std::vector<std::string> ended_curves_;  // of runs that have just ended
  std::vector<std::weak_ptr<Subscription>> subscriptions_;

  std::jthread worker_;
};

}  // namespace trireme::launcher
