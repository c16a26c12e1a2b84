#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "agent/line_channel.h"
#include "trireme/base/store.h"
#include "trireme/topology/machine.h"

namespace trireme::v1 {
class AgentMessage;
class StartRun;
}  // namespace trireme::v1

namespace trireme::launcher {

// Sends a message to the scheduler; may block while it is slow.
using Report = std::function<void(std::shared_ptr<trireme::v1::AgentMessage>)>;

// Where a node lives on its machine.
struct NodePlace {
  std::string node;              // "node0"
  std::string host;              // address other nodes reach it at
  std::string launcher;          // this binary
  std::string socket;            // the agent's
  std::string sockets;           // every agent's, with '%' for the node's name
  std::filesystem::path folder;  // the node's own temporary folder
};

// One node's part of one run: the store when it is the first node, mpirun or the shims it starts, the shims that report
// to it, the daemons mpirun asked for.
//
// Lifetime: from the first word about the run until close(), which kills what is left and removes the node's files.
// Threads: all members may be called from any thread; threads of its own wait for the processes it starts.
class NodeRun {
 public:
  NodeRun(std::string run_id, const NodePlace& place, Report report);
  ~NodeRun();
  NodeRun(const NodeRun&) = delete;
  NodeRun& operator=(const NodeRun&) = delete;

  // Reports StoreOpened, with an error when no port can be had. A second time: the same ports.
  void open_store();
  // Starts this node's part; failures are reported as StartFailed. A second order changes nothing.
  void start(const trireme::v1::StartRun& order);
  // Reports once more how the store, every rank and mpirun stand, to a scheduler that may not have heard.
  void report_again();
  void signal_ranks(int signal);
  void release();
  void report_lost(const LostRank& rank);
  void close();

  // Serves a shim's connection until it ends.
  void serve_shim(int rank, LineChannel& channel);
  // Runs a command of mpirun with the given streams until it or the connection ends; returns its exit code.
  [[nodiscard]] int execute(const std::string& command, const std::vector<UniqueFd>& streams, LineChannel& channel);

 private:
  struct Shim {
    LineChannel* channel = nullptr;
    pid_t program = 0;  // leads its own process group; 0 until started
  };
  // What one shim's connection has brought so far.
  struct Progress {
    bool has_exited = false;
    std::array<std::uint64_t, 2> lines{};  // of standard output, of standard error
  };

  [[nodiscard]] std::optional<nlohmann::json> wait_for_order(int rank);
  void start_mpirun(const trireme::v1::StartRun& order);
  void start_shims(const trireme::v1::StartRun& order);
  [[nodiscard]] std::vector<std::string> process_environment() const;
  void on_shim_line(int rank, const nlohmann::json& line, Progress& progress);
  // Reports what is said of a rank's life, and keeps it for report_again().
  void report_life(int rank, std::shared_ptr<trireme::v1::AgentMessage> message);
  void report_exit(int rank, int code, int signal, const std::string& error);
  void kill_groups(const std::set<pid_t>& groups, int signal) const;
  void remove_files() const;

  const std::string run_id_;
  const NodePlace& place_;
  const Report report_;
  const std::filesystem::path folder_;                // on this node, for temporary files
  const std::filesystem::path shared_memory_folder_;  // for Open MPI's segments

  std::mutex mutex_;  // guards everything below
  std::condition_variable started_;
  std::unique_ptr<trireme::v1::StartRun> order_;
  topology::Machine machine_;  // as it was when the order came
  bool is_closed_ = false;
  bool is_terminated_ = false;
  std::unique_ptr<TcpStoreServer> store_;
  std::shared_ptr<trireme::v1::AgentMessage> store_report_;
  std::map<int, std::vector<std::shared_ptr<trireme::v1::AgentMessage>>> rank_reports_;  // started, exited
  std::shared_ptr<trireme::v1::AgentMessage> mpirun_report_;                             // how it ended
  std::map<int, Shim> shims_;
  std::set<pid_t> groups_;  // process groups of mpirun, its daemons and the shims started here
  std::vector<std::jthread> waiters_;
};

}  // namespace trireme::launcher
