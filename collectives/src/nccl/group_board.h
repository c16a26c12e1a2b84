#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../failure.h"
#include "call_log.h"
#include "trireme/base/store.h"

namespace trireme::collectives {

// What the ranks of one group tell each other through the store, where NCCL tells them nothing: where they stand, what
// they agreed on, and why the group failed.
//
// Keys lie under "nccl/NAME/"; leave() takes this rank's away and the last rank to leave takes the rest, so that groups
// that end well leave none. Of groups that fail, a few stay until the run's store ends: use a new name for each group.
// Thread-safe as far as the store is. Throws what the store throws.
class GroupBoard {
 public:
  // `store` is not owned and must outlive the board. `global_rank` is what the store knows this rank by.
  GroupBoard(Store& store, const std::string& name, int rank, int size, int global_rank);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] Store& store() const noexcept { return store_; }
  [[nodiscard]] int global_rank() const noexcept { return global_rank_; }
  // The rank within the group; nothing when the global rank is not of it.
  [[nodiscard]] std::optional<int> rank_of(int global_rank);

  // Collective: what each rank passes, by rank. Blocks until all have come; costs one rank a read for each.
  [[nodiscard]] std::vector<int> gather(int value, std::chrono::milliseconds timeout);

  void tell(const Standing& standing);
  [[nodiscard]] std::vector<std::optional<Standing>> standings();

  // Asks every rank to tell where it stands. Returns the number of the alarm.
  [[nodiscard]] std::uint64_t raise_alarm();
  // How often that was asked.
  [[nodiscard]] std::uint64_t alarms();

  // The first failure told is the one of the group.
  void tell(const Failure& failure);
  [[nodiscard]] std::optional<Failure> failure();

  // Counts this rank among those that reached `key`.
  void arrive(const std::string& key);
  // True once `expected` ranks arrived, or the key is gone because all had.
  [[nodiscard]] bool have_arrived(const std::string& key, int expected);
  void forget(const std::string& key);

  void leave() noexcept;

 private:
  [[nodiscard]] std::string key(const std::string& leaf) const { return prefix_ + leaf; }

  Store& store_;
  const std::string name_;
  const std::string prefix_;
  const int rank_;
  const int size_;
  const int global_rank_;
};

}  // namespace trireme::collectives
