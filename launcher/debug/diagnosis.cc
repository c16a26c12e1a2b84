#include "debug/diagnosis.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "debug/communicator_group.h"
#include "debug/duration.h"

namespace trireme::launcher {

namespace {

constexpr std::int64_t kNotableLateness = 1'000'000;  // ns
constexpr std::size_t kFewestOperations = 5;          // to call a rank slow

int world_size_of(const std::vector<FlightRecord>& records, const KnownRanks& known) {
  int size = known.world_size;
  for (const auto& record : records) {
    size = std::max({size, record.world_size.value_or(0), record.rank + 1});
    for (const auto& communicator : record.communicators) size = std::max(size, communicator.size);
  }
  return size;
}

std::string node_of(int rank, const std::vector<FlightRecord>& records, const KnownRanks& known) {
  if (const auto node = known.nodes.find(rank); node != known.nodes.end()) return node->second;
  const auto record = std::ranges::find(records, rank, &FlightRecord::rank);
  return record == records.end() ? "" : record->node;
}

std::string exit_cause_of(int rank, const KnownRanks& known) {
  const auto cause = known.exit_causes.find(rank);
  return cause == known.exit_causes.end() ? "" : cause->second;
}

// The oldest unfinished operation of all communicators, else the newest.
void find_last(const FlightRecord& record, DiagnosedRank& state) {
  const auto is_better = [&](const FlightOperation& operation) {
    if (!state.last) return true;
    if (operation.is_finished() != state.last->is_finished()) return !operation.is_finished();
    return operation.is_finished() ? operation.posted >= state.last->posted : operation.posted < state.last->posted;
  };
  for (const auto& communicator : record.communicators) {
    for (const auto& operation : communicator.operations) {
      if (!is_better(operation)) continue;
      state.last = operation;
      state.communicator = communicator.name;
      const auto end = end_of({&record, &communicator});
      state.waited_ns = operation.is_finished() ? 0 : end - operation.posted;
    }
  }
}

DiagnosedRank state_of(int rank, const std::vector<FlightRecord>& records, const KnownRanks& known) {
  DiagnosedRank state{.rank = rank, .node = node_of(rank, records, known), .exit_cause = exit_cause_of(rank, known)};
  const auto record = std::ranges::find(records, rank, &FlightRecord::rank);
  if (record == records.end()) return state;
  state.has_record = true;
  state.reason = record->reason;
  find_last(*record, state);
  return state;
}

std::vector<Side> sides_of(const CommunicatorGroup& group, const CallsByRank& calls) {
  std::vector<Side> sides;
  for (const auto& [rank, operation] : calls) {
    const auto call = describe(*operation);
    auto side = std::ranges::find(sides, call, &Side::call);
    if (side == sides.end()) side = sides.insert(sides.end(), {.call = call});
    side->ranks.push_back(group.global_rank(rank));
  }
  return sides;
}

// What others knew of a rank of the communicator when they gave up; empty when nobody says.
std::string standing_of(const CommunicatorGroup& group, int rank) {
  for (const auto& [other, member] : group.members) {
    const auto& failure = member.communicator->failure;
    if (failure && static_cast<std::size_t>(rank) < failure->standings.size()) {
      return failure->standings[static_cast<std::size_t>(rank)];
    }
  }
  return {};
}

std::string why_missing(const CommunicatorGroup& group, int rank, const KnownRanks& known) {
  const auto cause = exit_cause_of(group.global_rank(rank), known);
  const auto member = group.members.find(rank);
  if (member == group.members.end()) {
    auto why = std::string("it wrote no record");
    if (!cause.empty()) why += fmt::format(" ({})", cause);
    if (const auto standing = standing_of(group, rank); !standing.empty()) why += "; others saw that it " + standing;
    return why;
  }
  const auto& operations = member->second.communicator->operations;
  const auto last = std::find_if(operations.rbegin(), operations.rend(),
                                 [](const FlightOperation& operation) { return !operation.is_message(); });
  if (last == operations.rend()) return "it has called nothing yet";
  if (!last->finished) return fmt::format("it is still in {}", describe(*last));
  return fmt::format("it finished {} and called nothing after that, for {}", describe(*last),
                     format_duration_ns(member->second.record->written - *last->finished));
}

// A rank without a record may have called the operation: those who gave up say whom they waited for.
bool is_known_to_wait_too(const CommunicatorGroup& group, int rank) {
  bool anybody_says = false;
  for (const auto& [other, member] : group.members) {
    const auto& failure = member.communicator->failure;
    if (!failure || failure->missing.empty()) continue;
    anybody_says = true;
    if (std::ranges::find(failure->missing, rank) != failure->missing.end()) return false;
  }
  return anybody_says && !group.members.contains(rank);
}

Divergence make_divergence(const CommunicatorGroup& group, std::uint64_t sequence, const CallsByRank& calls) {
  Divergence divergence{.communicator = group.name,
                        .backend = group.backend,
                        .sequence = sequence,
                        .bytes = calls.begin()->second->bytes,
                        .sides = sides_of(group, calls),
                        .since = calls.begin()->second->posted};
  for (const auto& [rank, operation] : calls) {
    divergence.since = std::min(divergence.since, operation->posted);
    if (operation->is_finished()) continue;
    divergence.waited_ns = std::max(divergence.waited_ns, end_of(group.members.at(rank)) - operation->posted);
  }
  return divergence;
}

std::vector<MissingRank> missing_ranks(const CommunicatorGroup& group, const CallsByRank& calls,
                                       const std::vector<FlightRecord>& records, const KnownRanks& known) {
  std::vector<MissingRank> missing;
  for (int rank = 0; rank < group.size; ++rank) {
    if (calls.contains(rank) || is_known_to_wait_too(group, rank)) continue;
    const int global = group.global_rank(rank);
    missing.push_back(
        {.rank = global, .node = node_of(global, records, known), .why = why_missing(group, rank, known)});
  }
  return missing;
}

// The first collective that ranks called differently, or that some wait in.
std::optional<Divergence> find_divergence(const CommunicatorGroup& group, const std::vector<FlightRecord>& records,
                                          const KnownRanks& known) {
  for (const auto& [sequence, calls] : collectives_of(group)) {
    const bool all_finished = std::ranges::all_of(calls, [](const auto& call) { return call.second->is_finished(); });
    const bool differ = sides_of(group, calls).size() > 1;
    if (all_finished && !differ) continue;
    auto divergence = make_divergence(group, sequence, calls);
    divergence.missing = missing_ranks(group, calls, records, known);
    if (differ) {
      divergence.kind = DivergenceKind::kMismatch;
    } else if (divergence.missing.empty()) {
      divergence.kind = DivergenceKind::kInProgress;
    }
    return divergence;
  }
  return std::nullopt;
}

// How late each rank of one communicator came to the operations that all have finished.
struct Lateness {
  std::map<int, std::vector<std::int64_t>> by_rank;  // global; one entry an operation
  std::map<int, std::size_t> last_in;
  std::size_t operations = 0;
};

Lateness lateness_of(const CommunicatorGroup& group) {
  Lateness lateness;
  for (const auto& [sequence, calls] : collectives_of(group)) {
    const bool is_common = calls.size() == group.members.size() && calls.size() > 1;
    if (!is_common || std::ranges::any_of(calls, [](const auto& call) { return !call.second->is_finished(); }))
      continue;
    const auto by_time = [](const auto& a, const auto& b) { return a.second->posted < b.second->posted; };
    const auto [first, last] = std::ranges::minmax_element(calls, by_time);
    for (const auto& [rank, operation] : calls) {
      lateness.by_rank[group.global_rank(rank)].push_back(operation->posted - first->second->posted);
    }
    ++lateness.last_in[group.global_rank(last->first)];
    ++lateness.operations;
  }
  return lateness;
}

std::int64_t median(std::vector<std::int64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// From the communicator with the most common operations.
void add_lateness(const std::vector<CommunicatorGroup>& groups, Diagnosis& diagnosis) {
  Lateness most;
  std::string communicator;
  for (const auto& group : groups) {
    auto lateness = lateness_of(group);
    if (lateness.operations <= most.operations) continue;
    most = std::move(lateness);
    communicator = group.name;
  }
  for (auto& state : diagnosis.ranks) {
    if (most.by_rank.contains(state.rank)) state.late_ns = median(most.by_rank[state.rank]);
    const auto last_in = most.last_in[state.rank];
    const bool stands_out = state.late_ns.value_or(0) >= kNotableLateness && most.operations >= kFewestOperations &&
                            2 * last_in > most.operations;
    if (stands_out) {
      diagnosis.straggler = {state.rank, state.node, communicator, *state.late_ns, last_in, most.operations};
    }
  }
}

std::optional<FirstError> first_error_of(const std::vector<FlightRecord>& records) {
  std::optional<FirstError> first;
  std::int64_t time = 0;
  for (const auto& record : records) {
    for (const auto& communicator : record.communicators) {
      if (!communicator.failure || (first && communicator.failure->time >= time)) continue;
      first = {record.rank, communicator.failure->text};
      time = communicator.failure->time;
    }
  }
  return first;
}

}  // namespace

Diagnosis diagnose(const std::vector<FlightRecord>& records, const KnownRanks& known) {
  Diagnosis diagnosis{.world_size = world_size_of(records, known), .first_error = first_error_of(records)};
  for (int rank = 0; rank < diagnosis.world_size; ++rank) diagnosis.ranks.push_back(state_of(rank, records, known));
  const auto groups = groups_of(records);
  for (const auto& group : groups) {
    if (auto divergence = find_divergence(group, records, known)) diagnosis.divergences.push_back(*divergence);
  }
  std::ranges::stable_sort(diagnosis.divergences, {}, [](const Divergence& divergence) {
    return std::pair(divergence.kind == DivergenceKind::kInProgress, divergence.since);
  });
  add_lateness(groups, diagnosis);
  return diagnosis;
}

}  // namespace trireme::launcher
