#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

// One line. Bytes that are not UTF-8 (they come from programs' output and names) are replaced, never refused.
[[nodiscard]] inline std::string to_text(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Four significant digits: more says nothing, and takes room.
[[nodiscard]] inline nlohmann::json rounded(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == 0) return 0;
  const double scale = std::pow(10, 3 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

[[nodiscard]] inline nlohmann::json to_json(const std::vector<MetricPoint>& points) {
  nlohmann::json rows = nlohmann::json::array();
  for (const MetricPoint& point : points) {
    rows.push_back({{"run_id", point.run_id},
                    {"rank", point.rank},
                    {"time", point.time},
                    {"step", point.step},
                    {"metrics", point.metrics}});
  }
  return rows;
}

}  // namespace trireme::launcher
