#include "api/task_json.h"

#include <set>
#include <string>

#include <nlohmann/json.hpp>

namespace trireme::launcher {

namespace {

using Json = nlohmann::json;

Json states_json(const TaskStates& states) {
  return {{"released", states.released},     {"waiting", states.waiting}, {"queued", states.queued},
          {"processing", states.processing}, {"memory", states.memory},   {"erred", states.erred}};
}

Json worker_json(const TaskWorkerView& worker) {
  return {{"address", worker.address},
          {"name", worker.name},
          {"status", worker.status},
          {"threads", worker.threads},
          {"memory_limit", worker.memory_limit},
          {"memory", worker.memory},
          {"cpu", worker.cpu},
          {"processing", worker.processing},
          {"in_memory", worker.in_memory},
          {"held_bytes", worker.held_bytes},
          {"occupancy", worker.occupancy},
          {"last_seen", worker.last_seen}};
}

// "tcp://10.0.0.1:40001" → "10.0.0.1"
std::string host_part(const std::string& address) {
  const auto begin = address.find("//");
  const auto from = begin == std::string::npos ? 0 : begin + 2;
  return address.substr(from, address.rfind(':') - from);
}

}  // namespace

Json to_json(const TaskBoard& board) {
  Json workers = Json::array();
  for (const TaskWorkerView& worker : board.workers) workers.push_back(worker_json(worker));
  Json prefixes = Json::array();
  for (const TaskPrefixView& prefix : board.prefixes) {
    prefixes.push_back({{"name", prefix.name}, {"states", states_json(prefix.states)}, {"seconds", prefix.seconds}});
  }
  return {{"clients", board.clients},
          {"totals", states_json(board.totals)},
          {"workers", std::move(workers)},
          {"prefixes", std::move(prefixes)}};
}

Json to_json(const std::vector<TaskSpan>& spans) {
  Json rows = Json::array();
  for (const TaskSpan& span : spans) {
    rows.push_back({{"sequence", span.sequence},
                    {"prefix", span.prefix},
                    {"worker", span.worker},
                    {"thread", std::to_string(span.thread)},  // larger than what JavaScript's numbers hold
                    {"begin", span.begin},
                    {"end", span.end},
                    {"erred", span.erred}});
  }
  return rows;
}

Json dask_counts(const TaskBoard& board) {
  std::set<std::string> hosts;
  std::int64_t bytes = 0, cores = 0;
  std::size_t idle = 0, saturated = 0;
  for (const TaskWorkerView& worker : board.workers) {
    hosts.insert(host_part(worker.address));
    bytes += worker.held_bytes;
    cores += worker.threads;
    (static_cast<std::int64_t>(worker.processing) < worker.threads ? idle : saturated) += 1;
  }
  const TaskStates& totals = board.totals;
  const std::size_t tasks =
      totals.released + totals.waiting + totals.queued + totals.processing + totals.memory + totals.erred;
  return {{"bytes", bytes},
          {"clients", board.clients},
          {"cores", cores},
          {"erred", totals.erred},
          {"hosts", hosts.size()},
          {"idle", idle},
          {"memory", totals.memory},
          {"processing", totals.processing},
          {"queued", totals.queued},
          {"released", totals.released},
          {"saturated", saturated},
          {"tasks", tasks},
          {"waiting", totals.waiting},
          {"workers", board.workers.size()}};
}

}  // namespace trireme::launcher
