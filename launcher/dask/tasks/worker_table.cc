#include "dask/tasks/worker_table.h"

#include <algorithm>

namespace trireme::launcher::dask::tasks {

namespace {

using WorkersByText = std::multimap<std::string, Worker*, std::less<>>;

void erase_worker(WorkersByText& workers, const std::string& text, const Worker& worker) {
  const auto [begin, end] = workers.equal_range(text);
  const auto found = std::find_if(begin, end, [&](const auto& each) { return each.second == &worker; });
  if (found != end) workers.erase(found);
}

}  // namespace

Worker* WorkerTable::add(const WorkerInfo& info) {
  const auto [found, is_new] = workers_.try_emplace(info.address);
  if (!is_new) return nullptr;
  found->second = std::make_unique<Worker>();
  Worker& worker = *found->second;
  worker.address = info.address;
  worker.name = info.name;
  worker.host = info.host;
  worker.threads = std::max<std::int64_t>(info.threads, 1);
  worker.memory_limit = info.memory_limit;
  worker.number = next_number_++;
  for (const auto& [resource, supply] : info.resources) worker.resources[resource].supply = supply;
  by_name_.emplace(worker.name, &worker);
  by_host_.emplace(worker.host, &worker);
  total_threads_ += worker.threads;
  return &worker;
}

void WorkerTable::remove(const Worker& worker) {
  erase_worker(by_name_, worker.name, worker);
  erase_worker(by_host_, worker.host, worker);
  total_threads_ -= worker.threads;
  workers_.erase(workers_.find(worker.address));
}

Worker* WorkerTable::find(std::string_view address) const {
  const auto found = workers_.find(address);
  return found == workers_.end() ? nullptr : found->second.get();
}

std::vector<Worker*> WorkerTable::meant_by(const std::string& text) const {
  if (Worker* worker = find(text)) return {worker};
  for (const char* scheme : {"tcp://", "tls://"}) {
    if (Worker* worker = find(scheme + text)) return {worker};
  }
  for (const WorkersByText* workers : {&by_name_, &by_host_}) {
    const auto [begin, end] = workers->equal_range(text);
    if (begin == end) continue;
    std::vector<Worker*> meant;
    for (auto each = begin; each != end; ++each) meant.push_back(each->second);
    return meant;
  }
  return {};
}

bool has_resources(const Worker& worker, const Annotations& annotations) {
  return std::all_of(annotations.resources.begin(), annotations.resources.end(), [&](const auto& each) {
    const auto found = worker.resources.find(each.first);
    return found != worker.resources.end() && found->second.supply >= each.second;
  });
}

bool has_free_resources(const Worker& worker, const Annotations& annotations, double rounds_ahead) {
  return std::all_of(annotations.resources.begin(), annotations.resources.end(), [&](const auto& each) {
    const auto found = worker.resources.find(each.first);
    if (found == worker.resources.end()) return false;
    const ResourceShare& share = found->second;
    return share.used + each.second <= share.supply * (1 + rounds_ahead);
  });
}

void hold_resources(Worker& worker, const Annotations& annotations) {
  for (const auto& [resource, amount] : annotations.resources) {
    ResourceShare& share = worker.resources[resource];
    share.used += amount;
    ++share.tasks;
  }
}

void return_resources(Worker& worker, const Annotations& annotations) {
  for (const auto& [resource, amount] : annotations.resources) {
    ResourceShare& share = worker.resources[resource];
    share.used = --share.tasks == 0 ? 0 : share.used - amount;
  }
}

}  // namespace trireme::launcher::dask::tasks
