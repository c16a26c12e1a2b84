#pragma once

#include <map>
#include <string>
#include <vector>

#include "debug/flight_record.h"

// One communicator as all its ranks recorded it. Pure; holds references into the records.
namespace trireme::launcher {

struct GroupMember {
  const FlightRecord* record;
  const FlightCommunicator* communicator;
};

struct CommunicatorGroup {
  std::string name;
  std::string backend;
  int size = 1;
  std::map<int, GroupMember> members;  // by rank of the communicator, those of whom a record is there

  [[nodiscard]] int global_rank(int rank) const;
};

// Communicators of equal name and backend in different records belong together; of several in one record, the first
// with the first. (A hierarchical one has the name of the one between its nodes.)
[[nodiscard]] std::vector<CommunicatorGroup> groups_of(const std::vector<FlightRecord>& records);

// Collectives by sequence, then by rank of the communicator.
using CallsByRank = std::map<int, const FlightOperation*>;
// From the first that no rank's record has lost to newer ones.
[[nodiscard]] std::map<std::uint64_t, CallsByRank> collectives_of(const CommunicatorGroup& group);

// When the communicator's rank gave up, else when it wrote: an operation unfinished then had lasted until then.
[[nodiscard]] std::int64_t end_of(const GroupMember& member);

}  // namespace trireme::launcher
