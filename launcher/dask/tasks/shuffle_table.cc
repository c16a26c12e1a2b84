#include "dask/tasks/shuffle_table.h"

#include <unordered_set>
#include <utility>

namespace trireme::launcher::dask::tasks {

void ShuffleTable::add(Task& barrier, const ShuffleSpec& spec) {
  barrier.is_barrier = true;
  shuffles_.try_emplace(*barrier.key, Shuffle{spec, std::nullopt});
}

Shuffle* ShuffleTable::find(const Key& barrier) {
  const auto found = shuffles_.find(barrier);
  return found == shuffles_.end() ? nullptr : &found->second;
}

std::vector<Key> ShuffleTable::joined_by(std::string_view worker) const {
  std::vector<Key> barriers;
  for (const auto& [barrier, shuffle] : shuffles_) {
    if (shuffle.run && shuffle.run->participants.contains(worker)) barriers.push_back(barrier);
  }
  return barriers;
}

// Neighbours stay together, as in distributed. Small shuffles begin at another worker each.
void ShuffleTable::begin_run(Shuffle& shuffle, const Task& barrier, std::span<const std::string> workers) {
  const PlacedPartitions placed = placed_by_others(barrier);
  const std::vector<Key>& partitions = shuffle.spec.partitions;
  ShuffleRun run{.number = ++runs_};
  const std::size_t shift = static_cast<std::size_t>(run.number) % workers.size();
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto chosen = placed.find(partitions[i]);
    const std::size_t index = (workers.size() * i / partitions.size() + shift) % workers.size();
    run.workers.push_back(chosen != placed.end() ? *chosen->second : workers[index]);
  }
  run.participants.insert(run.workers.begin(), run.workers.end());
  shuffle.run = std::move(run);
}

std::optional<ShuffleRun> ShuffleTable::end_run(const Key& barrier) {
  Shuffle* shuffle = find(barrier);
  return shuffle != nullptr ? std::exchange(shuffle->run, std::nullopt) : std::nullopt;
}

ShuffleTable::PlacedPartitions ShuffleTable::placed_by_others(const Task& barrier) const {
  PlacedPartitions placed;
  std::unordered_set<const Task*> seen{&barrier};
  for (const Edge& output : barrier.dependents) {
    for (const Edge& input : output.task->dependencies) {
      if (!input.task->is_barrier || !seen.insert(input.task).second) continue;
      const Shuffle* other = find(*input.task->key);
      if (other == nullptr || !other->run) continue;
      const std::vector<Key>& partitions = other->spec.partitions;
      for (std::size_t i = 0; i < partitions.size(); ++i) placed.emplace(partitions[i], &other->run->workers[i]);
    }
  }
  return placed;
}

}  // namespace trireme::launcher::dask::tasks
