#include "debug/communicator_group.h"

#include <algorithm>
#include <tuple>

namespace trireme::launcher {

namespace {

// The oldest collective of the record; 0 when it has none.
std::uint64_t first_sequence(const FlightCommunicator& communicator) {
  const auto first = std::ranges::find_if(communicator.operations,
                                          [](const FlightOperation& operation) { return !operation.is_message(); });
  return first == communicator.operations.end() ? 0 : first->sequence;
}

}  // namespace

int CommunicatorGroup::global_rank(int rank) const {
  if (const auto member = members.find(rank); member != members.end()) return member->second.record->rank;
  const auto& [known_rank, known] = *members.begin();
  const auto& listed = known.communicator->members;
  if (static_cast<std::size_t>(rank) < listed.size()) return listed[static_cast<std::size_t>(rank)];
  // The world, or a node's ranks, which are consecutive.
  return known.record->rank - known_rank + rank;
}

std::vector<CommunicatorGroup> groups_of(const std::vector<FlightRecord>& records) {
  std::map<std::tuple<std::string, std::string, int>, CommunicatorGroup> groups;
  for (const auto& record : records) {
    std::map<std::tuple<std::string, std::string, int>, int> seen;  // a process may be several ranks
    for (const auto& communicator : record.communicators) {
      const int occurrence = seen[{communicator.name, communicator.backend, communicator.rank}]++;
      auto& group = groups[{communicator.name, communicator.backend, occurrence}];
      group.name = communicator.name;
      group.backend = communicator.backend;
      group.size = communicator.size;
      group.members.emplace(communicator.rank, GroupMember{&record, &communicator});
    }
  }
  std::vector<CommunicatorGroup> all;
  for (auto& [key, group] : groups) all.push_back(std::move(group));
  return all;
}

std::map<std::uint64_t, CallsByRank> collectives_of(const CommunicatorGroup& group) {
  std::uint64_t first = 0;
  for (const auto& [rank, member] : group.members) first = std::max(first, first_sequence(*member.communicator));
  std::map<std::uint64_t, CallsByRank> calls;
  for (const auto& [rank, member] : group.members) {
    for (const auto& operation : member.communicator->operations) {
      if (!operation.is_message() && operation.sequence >= first) calls[operation.sequence][rank] = &operation;
    }
  }
  return calls;
}

std::int64_t end_of(const GroupMember& member) {
  return member.communicator->failure ? member.communicator->failure->time : member.record->written;
}

}  // namespace trireme::launcher
