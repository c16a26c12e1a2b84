#pragma once

#include <deque>
#include <mutex>

#include "scheduler/task_board.h"

namespace trireme::launcher {

// Where the Dask face writes what goes on, and the other faces read it. Thread-safe.
class LiveTaskBoard final : public TaskSource {
 public:
  static constexpr std::size_t kMostSpans = 20'000;  // the oldest go

  void show(TaskBoard board);
  // Gives it its sequence number.
  void add(TaskSpan span);

  [[nodiscard]] TaskBoard board() const override;
  [[nodiscard]] std::vector<TaskSpan> spans_after(std::uint64_t sequence, std::size_t most) const override;

 private:
  mutable std::mutex mutex_;  // guards what follows
  TaskBoard board_;
  std::deque<TaskSpan> spans_;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace trireme::launcher
