#include "dask/tasks/load_index.h"

#include <algorithm>

namespace trireme::launcher::dask::tasks {

bool LoadIndex::ByRank::operator()(const Worker* a, const Worker* b) const {
  return a->rank != b->rank ? a->rank < b->rank : a->number < b->number;
}

void LoadIndex::add(Worker& worker, const LoadRank& rank) {
  worker.rank = rank;
  worker.is_ranked = true;
  workers_.insert(&worker);
}

void LoadIndex::remove(Worker& worker) {
  if (!worker.is_ranked) return;
  workers_.erase(&worker);
  worker.is_ranked = false;
}

void LoadIndex::rank(Worker& worker, const LoadRank& rank) {
  auto node = workers_.extract(&worker);
  worker.rank = rank;
  workers_.insert(std::move(node));
}

void BacklogIndex::update(Worker& worker) {
  // An empty estimate still is a backlog.
  const std::int64_t crowd = worker.waiting_here() == 0 ? 0 : std::max<std::int64_t>(worker.backlog_us, 1);
  if (crowd == worker.crowd_us) return;
  if (worker.crowd_us != 0) workers_.erase({worker.crowd_us, &worker});
  worker.crowd_us = crowd;
  if (crowd != 0) workers_.emplace(crowd, &worker);
}

void BacklogIndex::remove(Worker& worker) {
  if (worker.crowd_us != 0) workers_.erase({worker.crowd_us, &worker});
  worker.crowd_us = 0;
}

}  // namespace trireme::launcher::dask::tasks
