#include "scheduler/snapshot.h"

#include <nlohmann/json.hpp>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

template <typename T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json status_to_json(const StatusRecord& record) {
  nlohmann::json json = {{"time", record.time},
                         {"phase", record.phase},
                         {"step", record.step},
                         {"total_steps", record.total_steps},
                         {"metrics", record.metrics}};
  if (record.collective) {
    json["collective"] = {{"sequence", record.collective->sequence},  {"op", record.collective->op},
                          {"bytes", record.collective->bytes},        {"communicator", record.collective->communicator},
                          {"running", record.collective->is_running}, {"seconds", record.collective->seconds}};
  }
  return json;
}

nlohmann::json rank_to_json(const RankView& rank) {
  return {{"rank", rank.rank},
          {"node", rank.node},
          {"state", rank.state},
          {"exit_code", or_null(rank.exit_code)},
          {"exit_cause", rank.exit_cause},
          {"last_errors", rank.last_errors},
          {"progressed", rank.progressed},
          {"pace_ms", rank.pace_ms},
          {"busy_ms", rank.busy_ms},
          {"status", rank.status ? status_to_json(*rank.status) : nlohmann::json(nullptr)}};
}

template <typename T>
std::optional<T> optional_at(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? std::nullopt : std::optional<T>(found->get<T>());
}

// The newest status record is live data and not read back.
RankView rank_from_json(const nlohmann::json& json) {
  RankView rank;
  rank.rank = json.at("rank").get<int>();
  rank.node = json.value("node", "");
  rank.state = json.value("state", "");
  rank.exit_code = optional_at<int>(json, "exit_code");
  rank.exit_cause = json.value("exit_cause", "");
  rank.last_errors = json.value("last_errors", std::vector<std::string>{});
  return rank;
}

nlohmann::json node_to_json(const NodeView& node) {
  return {{"name", node.name},   {"state", node.state}, {"host", node.host},
          {"ranks", node.ranks}, {"gpus", node.gpus},   {"last_seen", node.last_seen}};
}

}  // namespace

nlohmann::json to_json(const RunInsight& insight) {
  return {{"condition", to_string(insight.condition)},
          {"headline", insight.headline},
          {"advice", insight.advice},
          {"suspects", insight.suspects},
          {"stalled", or_null(insight.stalled)},
          {"efficiency", or_null(insight.efficiency)},
          {"exposed", or_null(insight.exposed)},
          {"straggling", or_null(insight.straggling)},
          {"remaining", or_null(insight.remaining)},
          {"step", or_null(insight.step)},
          {"total_steps", or_null(insight.total_steps)},
          {"node_seconds", insight.node_seconds}};
}

nlohmann::json to_json(const RunView& run) {
  nlohmann::json rank_views = nlohmann::json::array();
  for (const RankView& rank : run.rank_views) rank_views.push_back(rank_to_json(rank));
  return {{"run_id", run.run_id},
          {"name", run.name},
          {"status", run.status},
          {"exit_code", or_null(run.exit_code)},
          {"reason", run.reason},
          {"command", run.command},
          {"ranks", run.ranks},
          {"nodes", run.nodes},
          {"submitted", run.submitted},
          {"started", or_null(run.started)},
          {"ended", or_null(run.ended)},
          {"metrics", run.metrics},
          {"folder", run.folder},
          {"follows_nodes", run.follows_nodes},
          {"insight", to_json(run.insight)},
          {"rank_views", std::move(rank_views)}};
}

RunView run_view_from_json(const nlohmann::json& json) try {
  RunView run;
  run.run_id = json.at("run_id").get<std::string>();
  run.name = json.value("name", "");
  run.status = json.at("status").get<std::string>();
  run.exit_code = optional_at<int>(json, "exit_code");
  run.reason = json.value("reason", "");
  run.command = json.value("command", std::vector<std::string>{});
  run.ranks = json.value("ranks", 0);
  run.nodes = json.value("nodes", std::vector<std::string>{});
  run.submitted = json.value("submitted", 0.0);
  run.started = optional_at<double>(json, "started");
  run.ended = optional_at<double>(json, "ended");
  run.metrics = json.value("metrics", std::map<std::string, double>{});
  run.folder = json.value("folder", "");
  run.follows_nodes = json.value("follows_nodes", false);
  for (const nlohmann::json& rank : json.value("rank_views", nlohmann::json::array())) {
    run.rank_views.push_back(rank_from_json(rank));
  }
  return run;
} catch (const nlohmann::json::exception& error) {
  throw DataError(message("not a run: {}", error.what()));
}

nlohmann::json to_json(const ClusterSnapshot& snapshot) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const NodeView& node : snapshot.nodes) nodes.push_back(node_to_json(node));
  nlohmann::json runs = nlohmann::json::array();
  for (const RunView& run : snapshot.runs) runs.push_back(to_json(run));
  return {{"revision", snapshot.revision}, {"name", snapshot.name},
          {"state", snapshot.state},       {"provider", snapshot.provider},
          {"host", snapshot.host},         {"ports", {{"dask", snapshot.dask_port}, {"http", snapshot.http_port}}},
          {"started", snapshot.started},   {"nodes", std::move(nodes)},
          {"runs", std::move(runs)}};
}

}  // namespace trireme::launcher
