#include "store/curve.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace trireme::launcher {

namespace {

// The column of that name, as long as the curve before its newest point; null when there are too many.
std::vector<Extent>* column_of(Curve& curve, const std::string& name) {
  const auto found = curve.metrics.find(name);
  if (found != curve.metrics.end()) return &found->second;
  if (curve.metrics.size() >= kMostMetrics) return nullptr;
  return &curve.metrics.emplace(name, curve.size() - 1).first->second;
}

void fill_up(Curve& curve) {
  for (auto& [name, column] : curve.metrics) column.resize(curve.size());
}

// Of milliseconds that may be negative.
std::int64_t bucket_of(std::int64_t time, std::int64_t milliseconds) {
  return time / milliseconds - (time % milliseconds < 0 ? 1 : 0);
}

}  // namespace

std::int64_t milliseconds_of(double seconds) {
  constexpr double kMost = 1e14;  // the year 5138
  return std::isfinite(seconds) ? std::llround(std::clamp(seconds * 1000, -kMost, kMost)) : 0;
}

Extent extent_of(double value) { return {1, value, value, value}; }

Extent together(const Extent& left, const Extent& right) {
  if (left.count == 0) return right;
  if (right.count == 0) return left;
  const double share = static_cast<double>(right.count) / (static_cast<double>(left.count) + right.count);
  const std::uint32_t count = left.count > UINT32_MAX - right.count ? UINT32_MAX : left.count + right.count;
  // Weighted and not summed: what is large twice is no larger together.
  const double low = std::min(left.low, right.low);
  const double high = std::max(left.high, right.high);
  return {count, std::clamp(left.mean * (1 - share) + right.mean * share, low, high), low, high};
}

void add_record(Curve& curve, std::int64_t time, std::int64_t step, const std::map<std::string, double>& metrics) {
  curve.times.push_back(time);
  curve.steps.push_back(step);
  for (const auto& [name, value] : metrics) {
    if (!std::isfinite(value) || name.size() > kMostNameBytes) continue;
    if (std::vector<Extent>* column = column_of(curve, name)) column->push_back(extent_of(value));
  }
  fill_up(curve);
}

void add_point(Curve& curve, const Curve& other, std::size_t index) {
  curve.times.push_back(other.times[index]);
  curve.steps.push_back(other.steps[index]);
  for (const auto& [name, column] : other.metrics) {
    if (column[index].count == 0) continue;
    if (std::vector<Extent>* own = column_of(curve, name)) own->push_back(column[index]);
  }
  fill_up(curve);
}

void join_last(Curve& curve, const Curve& other, std::size_t index) {
  curve.times.back() = std::max(curve.times.back(), other.times[index]);
  curve.steps.back() = std::max(curve.steps.back(), other.steps[index]);
  for (const auto& [name, column] : other.metrics) {
    if (column[index].count == 0) continue;
    std::vector<Extent>* own = column_of(curve, name);
    if (own == nullptr) continue;
    own->resize(curve.size());
    own->back() = together(own->back(), column[index]);
  }
}

void add_points(Curve& curve, const Curve& other) {
  for (std::size_t index = 0; index < other.size(); ++index) add_point(curve, other, index);
}

Curve fold(const Curve& curve, std::int64_t milliseconds) {
  Curve folded;
  for (std::size_t index = 0; index < curve.size(); ++index) {
    const bool is_same = folded.size() > 0 &&
                         bucket_of(folded.times.back(), milliseconds) == bucket_of(curve.times[index], milliseconds);
    if (is_same) {
      join_last(folded, curve, index);
    } else {
      add_point(folded, curve, index);
    }
  }
  return folded;
}

Curve thin(const Curve& curve, std::size_t limit) {
  if (limit == 0 || curve.size() <= limit) return curve;
  Curve thinned;
  const std::size_t older = curve.size() - 1;
  for (std::size_t index = 0; index < older && limit > 1; ++index) {
    if (index == thinned.size() * older / (limit - 1)) {
      add_point(thinned, curve, index);
    } else {
      join_last(thinned, curve, index);
    }
  }
  add_point(thinned, curve, older);
  return thinned;
}

Curve window(const Curve& curve, std::int64_t from, std::int64_t to) {
  std::vector<std::size_t> order(curve.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto left, auto right) { return curve.times[left] < curve.times[right]; });
  Curve chosen;
  for (const std::size_t index : order) {
    if (curve.times[index] >= from && curve.times[index] <= to) add_point(chosen, curve, index);
  }
  return chosen;
}

}  // namespace trireme::launcher
