#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trireme/base/store.h"
#include "trireme/base/unique_fd.h"

namespace trireme::test {

// What a rank that is a process gets: who it is, where the parent's store listens, a pipe to the parent.
class ProcessRank {
 public:
  ProcessRank(int rank, int size, std::uint16_t store_port, int report_fd)
      : rank_(rank), size_(size), store_port_(store_port), report_fd_(report_fd) {}
  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] std::uint16_t store_port() const noexcept { return store_port_; }
  // A client of the parent's store, registered as this rank on node "node".
  [[nodiscard]] std::unique_ptr<TcpStore> connect() const;
  // Appends a line to what the parent knows of this rank.
  void report(std::string_view line) const;

 private:
  int rank_;
  int size_;
  std::uint16_t store_port_;
  int report_fd_;
};

struct RankResult {
  std::optional<int> exit_code;  // empty when a signal ended it
  std::optional<int> signal;
  bool is_overdue = false;  // still ran at the deadline and was killed
  std::string report;       // all lines; "exception: …" when the body threw (exit code 70)
};

// Rank processes made by fork, and a TcpStoreServer for them in this process.
//
// Made before any other thread of the test: the children run `body` in a copy of this process. Children are killed and
// reaped on destruction, and die with this process. Not thread-safe.
class ProcessRanks {
 public:
  // Returns the exit code.
  using Body = std::function<int(const ProcessRank&)>;
  struct Options {
    int size = 2;
    std::chrono::milliseconds deadline{60000};  // from now, for everything
    std::chrono::milliseconds heartbeat_timeout{2000};
  };

  ProcessRanks(const Options& options, const Body& body);
  ~ProcessRanks();
  ProcessRanks(const ProcessRanks&) = delete;
  ProcessRanks& operator=(const ProcessRanks&) = delete;

  [[nodiscard]] TcpStoreServer& server() { return *server_; }
  void stop_server() { server_.reset(); }
  [[nodiscard]] pid_t pid(int rank) const;
  void signal(int rank, int number = SIGKILL) const;
  // Waits until the rank has reported a line that contains `text`; false when it ended or the deadline came first.
  [[nodiscard]] bool wait_for_report(int rank, std::string_view text);
  // Waits for all ranks, kills those that are late.
  [[nodiscard]] std::vector<RankResult> wait();

 private:
  struct Child {
    pid_t pid = -1;
    UniqueFd reports;
    UniqueFd start;
    RankResult result;
    bool is_running = true;
  };
  void start_child(int rank, const Body& body);
  [[noreturn]] void run_child(int rank, int start_fd, int report_fd, const Body& body) const;
  // Reads what has arrived; false at the deadline.
  bool read_reports();
  void reap(Child& child) const;

  Options options_;
  std::chrono::steady_clock::time_point deadline_;
  std::vector<Child> children_;
  std::unique_ptr<TcpStoreServer> server_;
};

}  // namespace trireme::test
