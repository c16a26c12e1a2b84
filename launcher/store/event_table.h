#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/snapshot.h"
#include "store/database.h"

namespace trireme::launcher {

// What happened to the cluster, in table `events`; the newest kMostEvents are kept. Not thread-safe.
class EventTable {
 public:
  static constexpr std::int64_t kMostEvents = 100'000;
  static constexpr const char* kSchema = R"(
    CREATE TABLE events (sequence INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL,
                         node TEXT NOT NULL, run_id TEXT NOT NULL, text TEXT NOT NULL);
  )";

  // `database` outlives it and has the schema.
  explicit EventTable(const Database& database) : database_(database) {}

  // Gives the event its sequence number and returns it.
  std::uint64_t append(const ClusterEvent& event);
  // Those after sequence number `after`, oldest first, at most `limit`.
  [[nodiscard]] std::vector<ClusterEvent> after(std::uint64_t after, std::size_t limit) const;
  // The newest sequence number; 0: nothing has happened.
  [[nodiscard]] std::uint64_t newest() const;

 private:
  const Database& database_;
};

}  // namespace trireme::launcher
