#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "scheduler/snapshot.h"
#include "store/curve_table.h"
#include "store/database.h"
#include "store/event_table.h"

namespace trireme::launcher {

// How a node stands that gets no new ranks.
struct Drain {
  double cancel_at = 0;     // seconds since the epoch, from which what runs there is cancelled; 0: never
  bool is_leaving = false;  // it goes once nothing of a run is there
  friend bool operator==(const Drain&, const Drain&) = default;
};

// What outlives the scheduler: runs, their curves, what happened, and which nodes are drained, in one SQLite file with
// a versioned schema.
//
// Thread-safe: one connection behind one mutex. Every call throws DataError naming the file and SQLite's reason.
class History {
 public:
  // Makes the file and its folder when absent. Throws DataError for a file of a newer schema, telling both versions.
  explicit History(const std::filesystem::path& file);
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // Inserts the run or replaces it; `document` is what a scheduler needs to go on with it (bytes), empty once the run
  // has ended.
  void save_run(const RunView& run, const std::string& document = "");
  // The documents of the runs that have not ended, oldest first.
  [[nodiscard]] std::vector<std::string> active_documents() const;
  // Newest first.
  [[nodiscard]] std::vector<RunView> runs(std::size_t limit) const;
  // 1 in an empty history, else one more than the highest run number.
  [[nodiscard]] int next_run_number() const;

  // What was asked for (bytes), kept when the run has ended. Empty when it is not known.
  void save_spec(const std::string& run_id, const std::string& document);
  [[nodiscard]] std::string spec(const std::string& run_id) const;

  void save_node(const NodeView& node);
  // Nodes that get no new ranks. Without a value: the node takes ranks again, or is gone.
  void save_drain(const std::string& node, const std::optional<Drain>& drain);
  [[nodiscard]] std::map<std::string, Drain> drains() const;
  void forget_drains();

  // Returns the event's sequence number.
  std::uint64_t save_event(const ClusterEvent& event);
  [[nodiscard]] std::vector<ClusterEvent> events(std::uint64_t after, std::size_t limit) const;
  [[nodiscard]] std::uint64_t newest_event() const;

  // The points of all ranks, kept in full or folded with age (tiers.h).
  void save_points(const std::vector<RankCurve>& fresh);
  // No more points of this run come.
  void end_curves(const std::string& run_id);
  // At most `steps` steps of work on what has aged, a fraction of a millisecond each. False: nothing is due.
  bool compact(int steps);
  // One rank's points, or those of all together (kAllRanks), from `from` to `to` in seconds since the epoch, oldest
  // first, at most `limit` (0: all) with the newest as it came.
  [[nodiscard]] std::vector<MetricPoint> curve(const CurveQuery& query) const;
  // The newest time of every rank of a run, in milliseconds.
  [[nodiscard]] std::map<int, std::int64_t> newest_points(const std::string& run_id) const;

 private:
  mutable std::mutex mutex_;  // guards all below
  Database database_;
  CurveTable curves_;
  EventTable events_;
};

}  // namespace trireme::launcher
