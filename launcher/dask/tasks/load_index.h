#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "dask/tasks/worker_record.h"

namespace trireme::launcher::dask::tasks {

// Running workers by load: those with room first, then by work per thread, then the one that waited longest.
//
// A change costs O(log workers). Ranks are values in the worker; rank() alone changes them.
class LoadIndex {
 public:
  void add(Worker& worker, const LoadRank& rank);
  void remove(Worker& worker);
  // Puts a worker of the index where its new rank belongs.
  void rank(Worker& worker, const LoadRank& rank);

  [[nodiscard]] Worker* least_loaded() const { return workers_.empty() ? nullptr : *workers_.begin(); }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }
  [[nodiscard]] auto begin() const { return workers_.begin(); }
  [[nodiscard]] auto end() const { return workers_.end(); }

 private:
  struct ByRank {
    bool operator()(const Worker* a, const Worker* b) const;
  };
  std::set<Worker*, ByRank> workers_;
};

// Workers with a backlog, by its size.
class BacklogIndex {
 public:
  // Follows worker.backlog_us and its queues.
  void update(Worker& worker);
  void remove(Worker& worker);
  // Pairs with the worker as `second`; the largest comes first.
  [[nodiscard]] auto begin() const { return workers_.begin(); }
  [[nodiscard]] auto end() const { return workers_.end(); }
  [[nodiscard]] bool empty() const { return workers_.empty(); }

 private:
  struct LargestFirst {
    bool operator()(const std::pair<std::int64_t, Worker*>& a, const std::pair<std::int64_t, Worker*>& b) const {
      return a.first != b.first ? a.first > b.first : a.second->number < b.second->number;
    }
  };
  std::set<std::pair<std::int64_t, Worker*>, LargestFirst> workers_;
};

}  // namespace trireme::launcher::dask::tasks
