#pragma once

#include <string>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

inline constexpr const char* kOpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

// The state as OpenMetrics 1.0 (prometheus.io/docs/specs/om/open_metrics_spec), which Prometheus and its clients read.
// Runs that have ended are counted only. `tasks` may be null. Pure.
[[nodiscard]] std::string open_metrics(const ClusterSnapshot& snapshot, const TaskBoard* tasks);

}  // namespace trireme::launcher
