#include "scheduler/live_task_board.h"

#include <algorithm>
#include <utility>

namespace trireme::launcher {

void LiveTaskBoard::show(TaskBoard board) {
  const std::lock_guard lock(mutex_);
  board_ = std::move(board);
}

void LiveTaskBoard::add(TaskSpan span) {
  const std::lock_guard lock(mutex_);
  span.sequence = ++last_sequence_;
  spans_.push_back(std::move(span));
  if (spans_.size() > kMostSpans) spans_.pop_front();
}

TaskBoard LiveTaskBoard::board() const {
  const std::lock_guard lock(mutex_);
  return board_;
}

std::vector<TaskSpan> LiveTaskBoard::spans_after(std::uint64_t sequence, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t unseen = last_sequence_ > sequence ? last_sequence_ - sequence : 0;
  const auto count = static_cast<std::ptrdiff_t>(std::min({unseen, std::uint64_t{spans_.size()}, std::uint64_t{most}}));
  return {spans_.end() - count, spans_.end()};
}

}  // namespace trireme::launcher
