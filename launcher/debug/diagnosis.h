#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "debug/flight_record.h"

// What the records of all ranks say together. Pure.
namespace trireme::launcher {

// What the launcher knows of ranks besides their records; empty for a folder that no run is known of.
struct KnownRanks {
  int world_size = 0;  // 0: unknown
  std::map<int, std::string> nodes{};
  std::map<int, std::string> exit_causes{};  // "killed by signal 9 (SIGKILL)"
};

struct DiagnosedRank {
  int rank = 0;
  std::string node;
  bool has_record = false;
  std::string reason;                   // why it wrote
  std::string communicator;             // that of its last operation
  std::optional<FlightOperation> last;  // the oldest unfinished one, else the newest
  std::int64_t waited_ns = 0;           // since the last operation was posted, when unfinished
  std::optional<std::int64_t> late_ns;  // median of how long after the first rank it called the common operations
  std::string exit_cause;
};

enum class DivergenceKind {
  kMismatch,    // ranks called different operations under one number
  kMissing,     // some rank did not call what others wait in
  kInProgress,  // every rank had called it when the records were written
};

// One of the calls under one number, with the ranks that made it.
struct Side {
  std::string call;
  std::vector<int> ranks;  // global
};

struct MissingRank {
  int rank = 0;  // global
  std::string node;
  std::string why;
};

// Where the ranks of one communicator part.
struct Divergence {
  std::string communicator;
  std::string backend;
  DivergenceKind kind = DivergenceKind::kMissing;
  std::uint64_t sequence = 0;
  std::int64_t bytes = 0;
  std::vector<Side> sides;
  std::vector<MissingRank> missing;
  std::int64_t since = 0;      // first rank's call
  std::int64_t waited_ns = 0;  // of the rank that waited longest
};

// The rank that the others waited for most, when there is one that stands out.
struct Straggler {
  int rank = 0;
  std::string node;
  std::string communicator;
  std::int64_t late_ns = 0;  // median
  std::size_t last_in = 0;   // operations in which it came last
  std::size_t operations = 0;
};

struct FirstError {
  int rank = 0;
  std::string text;
};

struct Diagnosis {
  int world_size = 0;
  std::vector<DiagnosedRank> ranks;     // all of the world, as far as known
  std::vector<Divergence> divergences;  // by time; the first is the cause, others often follow from it
  std::optional<Straggler> straggler;
  std::optional<FirstError> first_error;
};

// `records` are by rank and not empty.
[[nodiscard]] Diagnosis diagnose(const std::vector<FlightRecord>& records, const KnownRanks& known = {});

}  // namespace trireme::launcher
