#include "scheduler/snapshot.h"

#include <nlohmann/json.hpp>

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
    json["collective"] = {{"sequence", record.collective->sequence},
                          {"op", record.collective->op},
                          {"bytes", record.collective->bytes}};
  }
  return json;
}

nlohmann::json rank_to_json(const RankView& rank) {
  return {{"rank", rank.rank},
          {"node", rank.node},
          {"state", rank.state},
          {"exit_code", or_null(rank.exit_code)},
          {"exit_cause", rank.exit_cause},
          {"status", rank.status ? status_to_json(*rank.status) : nlohmann::json(nullptr)}};
}

nlohmann::json node_to_json(const NodeView& node) {
  return {{"name", node.name},   {"state", node.state}, {"host", node.host},
          {"ranks", node.ranks}, {"gpus", node.gpus},   {"last_seen", node.last_seen}};
}

}  // namespace

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
          {"rank_views", std::move(rank_views)}};
}

nlohmann::json to_json(const ClusterSnapshot& snapshot) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const NodeView& node : snapshot.nodes) nodes.push_back(node_to_json(node));
  nlohmann::json runs = nlohmann::json::array();
  for (const RunView& run : snapshot.runs) runs.push_back(to_json(run));
  return {{"revision", snapshot.revision},
          {"name", snapshot.name},
          {"state", snapshot.state},
          {"provider", snapshot.provider},
          {"host", snapshot.host},
          {"ports", {{"dask", snapshot.dask_port}, {"http", snapshot.http_port}}},
          {"started", snapshot.started},
          {"nodes", std::move(nodes)},
          {"runs", std::move(runs)}};
}

}  // namespace trireme::launcher
