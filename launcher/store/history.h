#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

// What outlives the scheduler: runs and their curves, in one SQLite file with a versioned schema.
//
// Thread-safe: one connection behind one mutex. Every call throws DataError naming the file and SQLite's reason.
class History {
 public:
  // Makes the file and its folder when absent. Throws DataError for a file of a newer schema, telling both versions.
  explicit History(const std::filesystem::path& file);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // Inserts the run or replaces it; `document` is what a scheduler needs to go on with it (bytes), empty once the run
  // has ended.
  void save_run(const RunView& run, const std::string& document = "");
  void save_node(const NodeView& node);
  void save_points(const std::vector<MetricPoint>& points);

  // The documents of the runs that have not ended, oldest first.
  [[nodiscard]] std::vector<std::string> active_documents() const;
  // Newest first.
  [[nodiscard]] std::vector<RunView> runs(std::size_t limit) const;
  [[nodiscard]] std::vector<MetricPoint> points(const std::string& run_id) const;
  // 1 in an empty history, else one more than the highest run number.
  [[nodiscard]] int next_run_number() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme::launcher
