#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What ranks wrote about their last operations, as docs/flight_record.md says. Plain values; times are nanoseconds
// since the epoch, so that records of several hosts can be laid side by side as far as their clocks agree.
namespace trireme::launcher {

struct FlightOperation {
  std::uint64_t number = 0;
  std::uint64_t sequence = 0;
  std::string kind;
  std::int64_t count = 0;
  std::string dtype;
  std::optional<std::string> op;  // of reductions
  std::optional<int> root;
  std::optional<int> peer;  // of messages
  std::optional<int> tag;
  std::int64_t bytes = 0;
  std::string state;  // "posted", "started", "finished", "failed"
  std::int64_t posted = 0;
  std::optional<std::int64_t> started;
  std::optional<std::int64_t> finished;

  [[nodiscard]] bool is_message() const { return peer.has_value(); }
  [[nodiscard]] bool is_finished() const { return finished.has_value(); }
};

struct FlightFailure {
  std::string kind;  // "timeout", "peer_lost", "mismatch", "communication"
  std::int64_t time = 0;
  std::string text;
  std::optional<int> lost_rank;  // global
  std::vector<int> missing;      // ranks of the communicator
  std::vector<std::string> standings;
};

struct FlightCommunicator {
  std::string name;
  std::string backend;
  int rank = 0;
  int size = 1;
  std::vector<int> members;  // of a part: ranks in the world; else empty
  bool is_closed = false;
  std::optional<FlightFailure> failure;
  std::uint64_t posted = 0;
  std::vector<FlightOperation> operations;  // oldest first
};

struct FlightRecord {
  std::string file;
  int rank = 0;
  std::optional<int> world_size;
  std::string node;
  std::string run_id;  // empty: of no run
  std::string reason;
  std::int64_t written = 0;
  std::vector<FlightCommunicator> communicators;  // oldest first
};

// Throws DataError naming `file` and what is wrong with it: no record, torn, changed, another version.
[[nodiscard]] FlightRecord parse_flight_record(std::string_view text, const std::string& file);

// The records of one run in `folder`, by rank; of several runs, those of the one that wrote last. Empty when there is
// no flight-rank*.json. Throws DataError as above, and when two files are of one rank.
[[nodiscard]] std::vector<FlightRecord> load_flight_records(const std::filesystem::path& folder);

// "all_reduce #12 of 1024 float32, sum"
[[nodiscard]] std::string describe(const FlightOperation& operation);

}  // namespace trireme::launcher
