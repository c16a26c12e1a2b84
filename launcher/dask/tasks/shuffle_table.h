#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dask/tasks/shuffle.h"
#include "dask/tasks/task_record.h"

namespace trireme::launcher::dask::tasks {

// The shuffles of all barriers that are known, and their runs.
class ShuffleTable {
 public:
  void add(Task& barrier, const ShuffleSpec& spec);
  void forget(const Key& barrier) { shuffles_.erase(barrier); }
  void clear() { shuffles_.clear(); }

  [[nodiscard]] Shuffle* find(const Key& barrier);
  [[nodiscard]] const Shuffle* find(const Key& barrier) const { return const_cast<ShuffleTable*>(this)->find(barrier); }
  // Barriers of the runs in which this worker takes part.
  [[nodiscard]] std::vector<Key> joined_by(std::string_view worker) const;

  // Spreads the partitions over `workers`, which is not empty. Where an output task also needs another shuffle that
  // runs (a join of two tables), its partition goes to the same worker in both.
  void begin_run(Shuffle& shuffle, const Task& barrier, std::span<const std::string> workers);
  // The run that has ended; nullopt: there was none.
  std::optional<ShuffleRun> end_run(const Key& barrier);

  [[nodiscard]] std::size_t size() const { return shuffles_.size(); }

 private:
  using PlacedPartitions = std::unordered_map<Key, const std::string*, KeyHash, KeyEqual>;

  [[nodiscard]] PlacedPartitions placed_by_others(const Task& barrier) const;

  std::unordered_map<Key, Shuffle, KeyHash, KeyEqual> shuffles_;  // by barrier
  std::int64_t runs_ = 0;
};

}  // namespace trireme::launcher::dask::tasks
