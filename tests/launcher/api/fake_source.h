#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "scheduler/clock.h"
#include "scheduler/live_task_board.h"
#include "scheduler/snapshot.h"

namespace trireme::launcher {

// A SnapshotSource that shows what a test puts in. Thread-safe.
class FakeSource : public SnapshotSource {
 public:
  ClusterSnapshot snapshot() const override {
    const std::lock_guard lock(mutex_);
    ClusterSnapshot shown = snapshot_;
    for (RunView& run : shown.runs) run.insight = look_at(run, shown.nodes, changed_);
    return shown;
  }

  std::optional<RunView> run(const std::string& run_id) const override {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(snapshot_.runs, run_id, &RunView::run_id);
    if (found == snapshot_.runs.end()) return std::nullopt;
    RunView shown = *found;
    shown.insight = look_at(shown, snapshot_.nodes, changed_);
    return shown;
  }

  const TaskSource* tasks() const override { return &board; }

  std::vector<MetricPoint> history(const std::string& run_id, std::size_t limit) const override {
    const std::lock_guard lock(mutex_);
    const auto found = history_.find(run_id);
    if (found == history_.end()) return {};
    const auto& points = found->second;
    const std::size_t stride = (points.size() + limit - 1) / std::max<std::size_t>(limit, 1);
    std::vector<MetricPoint> thinned;
    for (std::size_t at = 0; at < points.size(); at += std::max<std::size_t>(stride, 1)) thinned.push_back(points[at]);
    return thinned;
  }

  std::vector<MetricPoint> curve(const CurveQuery& query) const override {
    const std::lock_guard lock(mutex_);
    std::vector<MetricPoint> asked;
    const auto found = history_.find(query.run_id);
    if (found == history_.end()) return asked;
    std::ranges::copy_if(found->second, std::back_inserter(asked), [&](const MetricPoint& point) {
      return point.rank == query.rank && point.time >= query.from && point.time <= query.to;
    });
    return asked;
  }

  std::vector<std::string> log_tail(const std::string& run_id, std::size_t lines) const override {
    const std::lock_guard lock(mutex_);
    const auto found = logs_.find(run_id);
    if (found == logs_.end()) return {};
    const auto& all = found->second;
    return {all.end() - static_cast<std::ptrdiff_t>(std::min(lines, all.size())), all.end()};
  }

  std::shared_ptr<void> subscribe(std::function<void(std::uint64_t)> on_change) override {
    auto kept = std::make_shared<std::function<void(std::uint64_t)>>(std::move(on_change));
    const std::lock_guard lock(mutex_);
    std::erase_if(subscribers_, [](const auto& one) { return one.expired(); });
    subscribers_.push_back(kept);
    return kept;
  }

  // Lets `change(snapshot)` edit the state, counts the revision and tells the subscribers.
  template <typename Change>
  void update(Change change) {
    std::vector<std::shared_ptr<std::function<void(std::uint64_t)>>> told;
    std::uint64_t revision = 0;
    {
      const std::lock_guard lock(mutex_);
      change(snapshot_);
      changed_ = seconds_since_epoch();
      revision = ++snapshot_.revision;
      for (const auto& one : subscribers_) told.push_back(one.lock());
    }
    for (const auto& one : told) {
      if (one) (*one)(revision);
    }
  }

  LiveTaskBoard board;

  void add_point(MetricPoint point) {
    const std::lock_guard lock(mutex_);
    history_[point.run_id].push_back(std::move(point));
  }

  void add_line(const std::string& run_id, std::string line) {
    const std::lock_guard lock(mutex_);
    logs_[run_id].push_back(std::move(line));
  }

 private:
  mutable std::mutex mutex_;  // guards all below
  ClusterSnapshot snapshot_;
  double changed_ = 0;
  std::map<std::string, std::vector<MetricPoint>> history_;
  std::map<std::string, std::vector<std::string>> logs_;
  std::vector<std::weak_ptr<std::function<void(std::uint64_t)>>> subscribers_;
};

}  // namespace trireme::launcher
