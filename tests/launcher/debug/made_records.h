#pragma once

#include <string>
#include <vector>

#include "debug/flight_record.h"

// Records as ranks would have written them.
namespace trireme::launcher::test {

inline constexpr std::int64_t kMillisecond = 1'000'000;
inline constexpr std::int64_t kSecond = 1000 * kMillisecond;

// An all_reduce posted at `posted` that took a millisecond.
inline FlightOperation finished(std::uint64_t sequence, std::int64_t posted) {
  return {.number = sequence,
          .sequence = sequence,
          .kind = "all_reduce",
          .count = 1024,
          .dtype = "float32",
          .op = "sum",
          .bytes = 4096,
          .state = "finished",
          .posted = posted,
          .started = posted,
          .finished = posted + kMillisecond};
}

inline FlightOperation unfinished(std::uint64_t sequence, std::int64_t posted) {
  auto operation = finished(sequence, posted);
  operation.state = "failed";
  operation.finished.reset();
  return operation;
}

inline FlightRecord record_of(int rank, int size, std::vector<FlightOperation> operations) {
  return {.file = "flight-rank" + std::to_string(rank) + ".json",
          .rank = rank,
          .world_size = size,
          .node = "node" + std::to_string(rank / 2),
          .reason = "timeout",
          .written = 40 * kSecond,
          .communicators = {{.name = "world",
                             .backend = "shm",
                             .rank = rank,
                             .size = size,
                             .posted = operations.size(),
                             .operations = std::move(operations)}}};
}

// The communicator gave up at 31 s, waiting for `missing`.
inline FlightRecord failed(FlightRecord record, const std::string& kind, std::vector<int> missing) {
  record.communicators.front().failure = {
      .kind = kind, .time = 31 * kSecond, .text = kind, .missing = std::move(missing)};
  return record;
}

}  // namespace trireme::launcher::test
