#include "store/event_table.h"

namespace trireme::launcher {

namespace {

constexpr std::uint64_t kPruneEvery = 1000;  // events

}  // namespace

std::uint64_t EventTable::append(const ClusterEvent& event) {
  Statement insert(database_, "INSERT INTO events (time, kind, node, run_id, text) VALUES (?, ?, ?, ?, ?)");
  insert.bind(event.time).bind(event.kind).bind(event.node).bind(event.run_id).bind(event.text).step();
  const std::uint64_t sequence = newest();
  if (sequence % kPruneEvery == 0) {
    Statement prune(database_, "DELETE FROM events WHERE sequence <= ?");
    prune.bind(static_cast<std::int64_t>(sequence) - kMostEvents).step();
  }
  return sequence;
}

std::vector<ClusterEvent> EventTable::after(std::uint64_t after, std::size_t limit) const {
  Statement select(database_,
                   "SELECT sequence, time, kind, node, run_id, text FROM events WHERE sequence > ? "
                   "ORDER BY sequence LIMIT ?");
  select.bind(static_cast<std::int64_t>(after)).bind(static_cast<std::int64_t>(limit));
  std::vector<ClusterEvent> events;
  while (select.step()) {
    events.push_back({static_cast<std::uint64_t>(select.integer(0)), select.real(1), select.text(2), select.text(3),
                      select.text(4), select.text(5)});
  }
  return events;
}

std::uint64_t EventTable::newest() const {
  Statement select(database_, "SELECT COALESCE(MAX(sequence), 0) FROM events");
  select.step();
  return static_cast<std::uint64_t>(select.integer(0));
}

}  // namespace trireme::launcher
