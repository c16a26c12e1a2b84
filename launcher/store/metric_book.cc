#include "store/metric_book.h"

#include <utility>

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
  Curve& curve = curves_[record.run_id];
  if (curve.restored_until && record.time <= *curve.restored_until) return;
  carry(curve.dropped, point);
  curve.dropped.clear();
  if (curve.seen++ % curve.stride != 0) {
    curve.dropped = std::move(point.metrics);
    return;
  }
  curve.points.push_back(point);
  new_points_.push_back(std::move(point));
  if (curve.points.size() <= kMostPoints) return;
  curve.points = thin(curve.points, (curve.points.size() + 1) / 2);
  curve.stride *= 2;
}

void MetricBook::restore(const std::string& run_id, std::vector<MetricPoint> points) {
  if (points.empty()) return;
  const std::lock_guard lock(mutex_);
  Curve& curve = curves_[run_id];
  curve.restored_until = points.back().time;
  curve.points = thin(points, kMostPoints);
}

std::vector<MetricPoint> MetricBook::points(const std::string& run_id, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  const auto found = curves_.find(run_id);
  return found == curves_.end() ? std::vector<MetricPoint>{} : thin(found->second.points, limit);
}

std::vector<MetricPoint> MetricBook::take_new() {
  const std::lock_guard lock(mutex_);
  return std::exchange(new_points_, {});
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
