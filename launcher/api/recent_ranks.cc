#include "api/recent_ranks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/json_text.h"

namespace trireme::launcher {

namespace {

using Json = nlohmann::json;

constexpr double kLongestStep = 30;  // seconds that a value holds without a newer one
constexpr double kShare = 0.1;  // of a record in what is shown: about the last ten count, as in busy_ms of the present
constexpr std::array<std::pair<const char*, const char*>, 3> kMetrics{
    {{"step_ms", "step_ms"}, {"exposed_ms", "exposed_comm_ms"}, {"straggler_ms", "straggler_ms"}}};

// The value at the end of each second; null where there is none.
Json values_of(const std::vector<MetricPoint>& points, const char* name, double begin) {
  Json values = Json::array();
  auto next = points.begin();
  double last = 0;
  double since = -kLongestStep;
  for (int second = 0; second < kRecentSeconds; ++second) {
    const double end = begin + second + 1;
    for (; next != points.end() && next->time <= end; ++next) {
      const auto found = next->metrics.find(name);
      if (found == next->metrics.end()) continue;
      last = next->time - since > kLongestStep ? found->second : last + kShare * (found->second - last);
      since = next->time;
    }
    values.push_back(end - since > kLongestStep ? Json(nullptr) : rounded(last));
  }
  return values;
}

}  // namespace

nlohmann::json recent_ranks(const SnapshotSource& source, const RunView& run, int first, double now) {
  const double begin = std::floor(now) - kRecentSeconds;
  Json answer = {{"run_id", run.run_id}, {"ranks", run.ranks}, {"first", first}, {"begin", begin}};
  for (const auto& [key, name] : kMetrics) answer[key] = Json::array();
  const int end = std::min(run.ranks, first + kRecentRanks);
  for (int rank = first; rank < end; ++rank) {
    const auto points = source.curve({.run_id = run.run_id, .rank = rank, .from = begin - kLongestStep, .to = now});
    for (const auto& [key, name] : kMetrics) answer[key].push_back(values_of(points, name, begin));
  }
  return answer;
}

}  // namespace trireme::launcher
