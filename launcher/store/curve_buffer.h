#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/snapshot.h"
#include "store/curve_table.h"

namespace trireme::launcher {

// A point and its place in the order in which points came, which goes on across restarts.
struct LivePoint {
  std::uint64_t sequence = 0;
  MetricPoint point;
};

// Points of one run, and up to where the others were looked at.
struct LivePoints {
  std::vector<LivePoint> points;
  std::uint64_t until = 0;
};

// The records of all ranks between two writes to the history, and the newest kMostLive points for those who follow
// them. Beside every rank's own points it makes those of all ranks together: one a second, by the scheduler's clock.
// Thread-safe.
class CurveBuffer {
 public:
  static constexpr std::size_t kMostLive = 10'000;

  // Sequence numbers grow from `first`.
  explicit CurveBuffer(std::uint64_t first = 1) : next_(first) {}

  // `now`: seconds since the epoch.
  void add(const StatusRecord& record, double now);
  // What an earlier scheduler has of a run: rank and newest time in milliseconds. Records that come again are left out.
  void restore(const std::string& run_id, std::map<int, std::int64_t> newest);
  // No more records of this run come.
  void end(const std::string& run_id);
  // Points since the last call, for the history.
  [[nodiscard]] std::vector<RankCurve> take();

  // Points of a run that came after `sequence`, at most `limit`. nullopt: some of those may be forgotten already.
  [[nodiscard]] std::optional<LivePoints> after(const std::string& run_id, std::uint64_t sequence,
                                                std::size_t limit) const;
  // The newest sequence number.
  [[nodiscard]] std::uint64_t newest() const;

 private:
  // All ranks of a run in the present second.
  struct Group {
    std::int64_t second = 0;
    Curve curve;  // of one point at most
  };

  void add_to_group(const std::string& run_id, const StatusRecord& record, std::int64_t now);
  void keep_group(const std::string& run_id, Group& group);
  void keep_live(MetricPoint point);

  mutable std::mutex mutex_;  // guards all below
  std::map<std::pair<std::string, int>, Curve> fresh_;
  std::map<std::string, Group> groups_;
  std::map<std::string, std::map<int, std::int64_t>> restored_;
  std::deque<LivePoint> live_;
  std::uint64_t next_;
};

}  // namespace trireme::launcher
