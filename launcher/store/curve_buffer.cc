#include "store/curve_buffer.h"

#include <algorithm>
#include <utility>

namespace trireme::launcher {

void CurveBuffer::add(const StatusRecord& record, double now) {
  if (record.metrics.empty()) return;
  const std::int64_t time = milliseconds_of(record.time);
  const std::lock_guard lock(mutex_);
  if (const auto run = restored_.find(record.run_id); run != restored_.end()) {
    const auto rank = run->second.find(record.rank);
    if (rank != run->second.end() && time <= rank->second) return;
  }
  add_record(fresh_[{record.run_id, record.rank}], time, record.step, record.metrics);
  keep_live({record.run_id, record.rank, record.time, record.step, record.metrics});
  add_to_group(record.run_id, record, milliseconds_of(now));
}

void CurveBuffer::add_to_group(const std::string& run_id, const StatusRecord& record, std::int64_t now) {
  Group& group = groups_[run_id];
  if (group.curve.size() > 0 && now / 1000 != group.second) keep_group(run_id, group);
  group.second = now / 1000;
  Curve point;
  add_record(point, now, record.step, record.metrics);
  if (group.curve.size() == 0) {
    group.curve = std::move(point);
  } else {
    join_last(group.curve, point, 0);
  }
}

void CurveBuffer::keep_group(const std::string& run_id, Group& group) {
  const Curve& curve = group.curve;
  MetricPoint point{run_id, kAllRanks, static_cast<double>(curve.times[0]) / 1000, curve.steps[0], {}};
  for (const auto& [name, column] : curve.metrics) {
    point.metrics[name] = column[0].mean;
    point.low[name] = column[0].low;
    point.high[name] = column[0].high;
  }
  keep_live(std::move(point));
  add_point(fresh_[{run_id, kAllRanks}], curve, 0);
  group.curve = {};
}

void CurveBuffer::keep_live(MetricPoint point) {
  live_.push_back({next_++, std::move(point)});
  if (live_.size() > kMostLive) live_.pop_front();
}

void CurveBuffer::restore(const std::string& run_id, std::map<int, std::int64_t> newest) {
  const std::lock_guard lock(mutex_);
  restored_[run_id] = std::move(newest);
}

void CurveBuffer::end(const std::string& run_id) {
  const std::lock_guard lock(mutex_);
  restored_.erase(run_id);
  const auto group = groups_.find(run_id);
  if (group == groups_.end()) return;
  if (group->second.curve.size() > 0) keep_group(run_id, group->second);
  groups_.erase(group);
}

std::vector<RankCurve> CurveBuffer::take() {
  std::map<std::pair<std::string, int>, Curve> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(fresh_);
  }
  std::vector<RankCurve> curves;
  for (auto& [owner, curve] : fresh) curves.push_back({owner.first, owner.second, std::move(curve)});
  return curves;
}

std::optional<LivePoints> CurveBuffer::after(const std::string& run_id, std::uint64_t sequence,
                                             std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t oldest = live_.empty() ? next_ : live_.front().sequence;
  if (sequence + 1 < oldest || sequence >= next_) return std::nullopt;
  LivePoints chosen{{}, sequence};
  for (auto each = live_.begin() + static_cast<std::ptrdiff_t>(sequence + 1 - oldest);
       each != live_.end() && chosen.points.size() < limit; ++each) {
    chosen.until = each->sequence;
    if (each->point.run_id == run_id) chosen.points.push_back(*each);
  }
  return chosen;
}

std::uint64_t CurveBuffer::newest() const {
  const std::lock_guard lock(mutex_);
  return next_ - 1;
}

}  // namespace trireme::launcher
