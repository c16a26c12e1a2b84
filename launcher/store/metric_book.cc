#include "store/metric_book.h"

#include <utility>

#include "store/curve.h"

namespace trireme::launcher {

namespace {

// Newer values win: `earlier` only adds the metrics that `point` lacks.
void carry(const std::map<std::string, double>& earlier, MetricPoint& point) {
  point.metrics.insert(earlier.begin(), earlier.end());
}

}  // namespace

void MetricBook::add(const StatusRecord& record) {
  if (record.rank != 0 || record.metrics.empty()) return;
  MetricPoint point{record.run_id, record.rank, record.time, record.step, record.metrics};
  const std::lock_guard lock(mutex_);
  Line& line = lines_[record.run_id];
  if (line.restored_until && milliseconds_of(record.time) <= *line.restored_until) return;
  carry(line.dropped, point);
  line.dropped.clear();
  if (line.seen++ % line.stride != 0) {
    line.dropped = std::move(point.metrics);
    return;
  }
  line.points.push_back(std::move(point));
  if (line.points.size() <= kMostPoints) return;
  line.points = thin(line.points, (line.points.size() + 1) / 2);
  line.stride *= 2;
}

void MetricBook::restore(const std::string& run_id, std::vector<MetricPoint> points) {
  if (points.empty()) return;
  const std::lock_guard lock(mutex_);
  Line& line = lines_[run_id];
  line.restored_until = milliseconds_of(points.back().time);
  line.points = thin(points, kMostPoints);
}

std::vector<MetricPoint> MetricBook::points(const std::string& run_id, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(run_id);
  return found == lines_.end() ? std::vector<MetricPoint>{} : thin(found->second.points, limit);
}

std::vector<MetricPoint> thin(const std::vector<MetricPoint>& points, std::size_t limit) {
  if (limit == 0 || points.size() <= limit) return points;
  std::vector<MetricPoint> chosen;
  std::map<std::string, double> dropped;
  const auto wanted = [&](std::size_t position) { return (position + 1) * points.size() / limit - 1; };
  for (std::size_t index = 0; index < points.size(); ++index) {
    MetricPoint point = points[index];
    carry(dropped, point);
    if (index == wanted(chosen.size())) {
      chosen.push_back(std::move(point));
      dropped.clear();
    } else {
      dropped = std::move(point.metrics);
    }
  }
  return chosen;
}

}  // namespace trireme::launcher
