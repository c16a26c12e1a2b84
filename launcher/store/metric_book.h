#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

// The curves of the runs of this session, as rank 0 reported them, thinned so that a curve never holds more than
// kMostPoints points: when it would, every second one goes and from then on only every second record is kept. A metric
// that only a dropped point carries (val_loss is rare) moves on to the next one kept. Thread-safe.
class MetricBook {
 public:
  static constexpr std::size_t kMostPoints = 2000;

  // Takes rank 0's records; others are ignored, and so are those that restore() has brought already.
  void add(const StatusRecord& record);
  // What an earlier scheduler has kept of a run, oldest first; before the run's first record.
  void restore(const std::string& run_id, std::vector<MetricPoint> points);
  [[nodiscard]] std::vector<MetricPoint> points(const std::string& run_id, std::size_t limit) const;

 private:
  struct Line {
    std::vector<MetricPoint> points;
    std::map<std::string, double> dropped;  // metrics of records dropped since the last point
    std::size_t stride = 1;
    std::size_t seen = 0;
    std::optional<std::int64_t> restored_until;  // milliseconds of the last restored point
  };
  mutable std::mutex mutex_;  // guards lines_
  std::map<std::string, Line> lines_;
};

// At most `limit` of `points`, evenly, always with the last; rare metrics move on as in MetricBook. A limit of 0 is no
// limit.
[[nodiscard]] std::vector<MetricPoint> thin(const std::vector<MetricPoint>& points, std::size_t limit);

}  // namespace trireme::launcher
