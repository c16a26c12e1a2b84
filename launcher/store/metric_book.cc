#include "store/metric_book.h"

#include <utility>

namespace trireme::launcher {

void MetricBook::add(const StatusRecord& record) {
  if (record.rank != 0 || record.metrics.empty()) return;
  MetricPoint point{record.run_id, record.rank, record.time, record.step, record.metrics};
  const std::lock_guard lock(mutex_);
  Curve& curve = curves_[record.run_id];
  if (curve.seen++ % curve.stride != 0) return;
  curve.points.push_back(point);
  new_points_.push_back(std::move(point));
  if (curve.points.size() <= kMostPoints) return;
  std::vector<MetricPoint> half;
  for (std::size_t index = 0; index < curve.points.size(); index += 2) half.push_back(std::move(curve.points[index]));
  curve.points = std::move(half);
  curve.stride *= 2;
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
  if (limit == 1) return {points.back()};
  std::vector<MetricPoint> chosen;
  for (std::size_t index = 0; index < limit; ++index) {
    chosen.push_back(points[index * (points.size() - 1) / (limit - 1)]);
  }
  return chosen;
}

}  // namespace trireme::launcher
