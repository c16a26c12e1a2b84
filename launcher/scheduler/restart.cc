#include "scheduler/restart.h"

#include <nlohmann/json.hpp>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

using nlohmann::json;

RunSpec spec_from_json(const json& from) {
  RunSpec spec;
  spec.name = from.at("name").get<std::string>();
  spec.command = from.at("command").get<std::vector<std::string>>();
  spec.ranks = from.at("ranks").get<int>();
  spec.nodes = from.at("nodes").get<int>();
  spec.node = from.value("node", "");  // older files have none of these two
  spec.follows_nodes = from.value("follows_nodes", false);
  spec.starter = from.at("mpirun").get<bool>() ? Starter::kMpirun : Starter::kAgents;
  spec.gpu_use = static_cast<GpuUse>(from.value("gpu_use", 0));  // older files have none
  spec.working_directory = from.at("working_directory").get<std::string>();
  spec.environment = from.at("environment").get<std::map<std::string, std::string>>();
  return spec;
}

RunStatus active_status(const std::string& name) {
  for (RunStatus status : {RunStatus::kQueued, RunStatus::kStarting, RunStatus::kRunning}) {
    if (name == to_string(status)) return status;
  }
  throw DataError(message("'{}' is no state of an active run", name));
}

// What was under way starts over once the nodes are back.
Seconds wait_of(const Run& run) {
  if (run.store.empty()) return kStoreTimeout;
  if (run.is_cancelled) return 0;
  return run.exit_code ? kSurvivorGrace : start_timeout(static_cast<int>(run.shares.size()));
}

}  // namespace

json to_document(const RunSpec& spec) {
  return {{"name", spec.name},
          {"command", spec.command},
          {"ranks", spec.ranks},
          {"nodes", spec.nodes},
          {"node", spec.node},
          {"follows_nodes", spec.follows_nodes},
          {"mpirun", spec.starter == Starter::kMpirun},
          {"gpu_use", static_cast<int>(spec.gpu_use)},
          {"working_directory", spec.working_directory},
          {"environment", spec.environment}};
}

RunSpec spec_from_document(const json& document) try {
  return spec_from_json(document);
} catch (const json::exception& error) {
  throw DataError(message("not what a run was asked for: {}", error.what()));
}

json to_document(const Run& run) {
  json shares = json::array();
  for (const Share& share : run.shares) {
    shares.push_back({{"node", share.node}, {"first_rank", share.first_rank}, {"ranks", share.ranks}});
  }
  json document = {{"run_id", run.id},
                   {"spec", to_document(run.spec)},
                   {"status", to_string(run.status)},
                   {"reason", run.reason},
                   {"shares", std::move(shares)},
                   {"submitted", run.submitted},
                   {"begun", run.begun},
                   {"store", run.store},
                   {"master_host", run.master_host},
                   {"master_port", run.master_port},
                   {"is_cancelled", run.is_cancelled}};
  if (run.started) document["started"] = *run.started;
  if (run.exit_code) document["exit_code"] = *run.exit_code;
  return document;
}

Run run_from_document(const json& document) try {
  Run run{.id = document.at("run_id").get<std::string>(), .spec = spec_from_json(document.at("spec"))};
  run.status = active_status(document.at("status").get<std::string>());
  run.reason = document.at("reason").get<std::string>();
  for (const json& share : document.at("shares")) {
    run.shares.push_back(
        {share.at("node").get<std::string>(), share.at("first_rank").get<int>(), share.at("ranks").get<int>()});
  }
  if (run.shares.empty() != (run.status == RunStatus::kQueued)) throw DataError("its state does not fit its placement");
  run.ranks = ranks_of(run.shares);
  run.submitted = document.at("submitted").get<double>();
  run.begun = document.at("begun").get<double>();
  run.store = document.at("store").get<std::string>();
  run.master_host = document.at("master_host").get<std::string>();
  run.master_port = document.at("master_port").get<std::uint16_t>();
  run.is_cancelled = document.at("is_cancelled").get<bool>();
  if (document.contains("started")) run.started = document.at("started").get<double>();
  if (document.contains("exit_code")) run.exit_code = document.at("exit_code").get<int>();
  return run;
} catch (const json::exception& error) {
  throw DataError(message("not an active run: {}", error.what()));
}

ClusterState resume(std::vector<Run> active, std::vector<Node> drained, int next_run, int nodes, Seconds now) {
  ClusterState state{.runs = std::move(active), .next_run = next_run, .expected_nodes = nodes, .resumed = now};
  for (Node& node : drained) {
    node.last_seen = now;
    node_of(state, node.name) = std::move(node);
  }
  if (!state.runs.empty() || !state.nodes.empty()) state.returning = Return{nodes, now + kReturnTimeout};
  for (Run& run : state.runs) {
    if (run.spec.follows_nodes && !run.is_cancelled) remember_following(state, run.spec);
    if (run.shares.empty()) continue;
    run.starter_done = run.spec.starter == Starter::kAgents;
    for (const Share& share : run.shares) {
      run.awaited.insert(share.node);
      node_of(state, share.node).last_seen = now;
    }
    run.deadline = now + kReturnTimeout + wait_of(run);
  }
  return state;
}

}  // namespace trireme::launcher
