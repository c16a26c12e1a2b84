#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace trireme::launcher {

struct LogEntry {
  int rank = 0;
  bool is_error = false;  // written to standard error
  std::string text;       // without the line end
  friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

// One line of output.log: "[3] text", or "[3!] text" for standard error.
[[nodiscard]] std::string format_log_line(const LogEntry& entry);
// The inverse; a line without a prefix belongs to rank 0.
[[nodiscard]] LogEntry parse_log_line(const std::string& line);

// The output of every run, in RUNS_FOLDER/RUN_ID/output.log.
//
// Files are append-only and readable while a run writes them. A file that has reached kMostBytes takes a line that says
// so, and from there on standard error only, up to kMostErrorBytes more. Thread-safe. append() throws DataError naming
// the file when it cannot be written (disk full).
class LogBook {
 public:
  static constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
  static constexpr std::uint64_t kMostErrorBytes = std::uint64_t{64} << 20;

  explicit LogBook(std::filesystem::path runs_folder, std::uint64_t most_bytes = kMostBytes);
  ~LogBook();
  LogBook(const LogBook&) = delete;
  LogBook& operator=(const LogBook&) = delete;

  void append(const std::string& run_id, const std::vector<LogEntry>& entries);
  // Lines of one stream of a rank, of which it wrote `first_line` before these. What the log has already, from this
  // process or an earlier one, is left out; returns what was new.
  std::vector<std::string> append_once(const std::string& run_id, int rank, bool is_error, std::uint64_t first_line,
                                       std::vector<std::string> lines);
  // Closes the run's file; it stays readable.
  void close(const std::string& run_id);

  struct Piece {
    std::vector<LogEntry> entries;
    std::uint64_t next = 0;  // where to read on
  };
  // Whole lines from byte `offset` on, at most about 256 KiB of them. Nothing when there is no such run.
  [[nodiscard]] Piece read(const std::string& run_id, std::uint64_t offset) const;
  // Where the last `lines` of those lines begin that `is_wanted` takes: an offset for read().
  [[nodiscard]] std::uint64_t tail_offset(const std::string& run_id, std::size_t lines,
                                          const std::function<bool(const LogEntry&)>& is_wanted) const;
  // The last `lines` lines, oldest first.
  [[nodiscard]] std::vector<LogEntry> tail(const std::string& run_id, std::size_t lines) const;
  // Blocks until some run's log grows or `timeout` passes.
  void wait_for_more(std::chrono::milliseconds timeout) const;

 private:
  using StreamOfRank = std::pair<int, bool>;  // rank, is_error
  struct OpenLog {
    int fd = -1;
    std::map<StreamOfRank, std::uint64_t> lines;  // so far
    std::uint64_t bytes = 0;
  };

  [[nodiscard]] std::filesystem::path path_of(const std::string& run_id) const;
  // Under the lock.
  [[nodiscard]] OpenLog& open_log(const std::string& run_id);
  void write(const std::string& run_id, OpenLog& log, const std::vector<LogEntry>& entries);

  // What there is room for, as it stands in the file.
  [[nodiscard]] std::string text_of(const OpenLog& log, const std::vector<LogEntry>& entries) const;

  const std::filesystem::path runs_folder_;
  const std::uint64_t most_bytes_;
  mutable std::mutex mutex_;  // guards logs_ and generation_
  mutable std::condition_variable grown_;
  std::map<std::string, OpenLog> logs_;  // being written
  std::uint64_t generation_ = 0;
};

}  // namespace trireme::launcher
