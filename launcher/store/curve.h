#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

// The curve of a rank (or of a run's ranks together), by columns. Plain values.
namespace trireme::launcher {

// What a metric was over `count` records; 0: none of them had it.
struct Extent {
  std::uint32_t count = 0;
  double mean = 0;
  double low = 0;
  double high = 0;
  friend bool operator==(const Extent&, const Extent&) = default;
};
[[nodiscard]] Extent extent_of(double value);
[[nodiscard]] Extent together(const Extent& left, const Extent& right);

// Points in the order in which they came. A point is one record, or several that were folded into one: then time and
// step are those of the newest of them.
struct Curve {
  std::vector<std::int64_t> times;  // milliseconds since the epoch
  std::vector<std::int64_t> steps;
  std::map<std::string, std::vector<Extent>> metrics;  // every column is as long as `times`

  [[nodiscard]] std::size_t size() const noexcept { return times.size(); }
  friend bool operator==(const Curve&, const Curve&) = default;
};

inline constexpr std::size_t kMostMetrics = 64;      // of a curve; what records have beyond is left out, and so are
inline constexpr std::size_t kMostNameBytes = 1024;  // metrics of longer names, and values that are not finite

// Seconds since the epoch, as ranks tell them.
[[nodiscard]] std::int64_t milliseconds_of(double seconds);

void add_record(Curve& curve, std::int64_t time, std::int64_t step, const std::map<std::string, double>& metrics);
// Adds one point of another curve.
void add_point(Curve& curve, const Curve& other, std::size_t index);
// Joins one point of another curve with the last of this one, which there must be.
void join_last(Curve& curve, const Curve& other, std::size_t index);
void add_points(Curve& curve, const Curve& other);

// Points of one span of `milliseconds` become one.
[[nodiscard]] Curve fold(const Curve& curve, std::int64_t milliseconds);
// At most `limit` points: neighbours become one, evenly, and the newest point stays as it is. 0: no limit.
[[nodiscard]] Curve thin(const Curve& curve, std::size_t limit);
// The points with from <= time <= to, by time.
[[nodiscard]] Curve window(const Curve& curve, std::int64_t from, std::int64_t to);

}  // namespace trireme::launcher
