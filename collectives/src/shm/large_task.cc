#include "large_task.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "../operation_layout.h"
#include "direct_copy.h"
#include "inline_task.h"
#include "staged_exchange.h"

namespace trireme::collectives {
namespace {

constexpr std::size_t kMostAsked = 64;  // bits of an answer; more arenas are asked for in later collectives

// Copies leave the outputs of others alone, so only reductions need to reach them.
bool must_reach_output(const Signature& signature, int rank) {
  return reduces_by_slices(signature.kind) && has_output(signature, rank);
}

// The arenas of the buffers that others must reach.
template <typename Visit>
void for_each_needed(const Signature& signature, std::span<const Whereabouts> by_rank, Visit&& visit) {
  for (int rank = 0; std::cmp_less(rank, by_rank.size()); ++rank) {
    if (has_input(signature, rank)) visit(by_rank[rank].input);
    if (must_reach_output(signature, rank)) visit(by_rank[rank].output);
  }
}

// Blocks that arrive would overwrite blocks that others have not yet read.
bool overwrites_itself(const Signature& signature, std::span<const Whereabouts> by_rank) {
  return signature.kind == OpKind::kAllToAll &&
         std::ranges::any_of(by_rank, [](const Whereabouts& rank) { return rank.input == rank.output; });
}

}  // namespace

Path choose_path(const Signature& signature, std::span<const Whereabouts> by_rank, const ArenaTable& arenas) {
  bool all_in_arenas = !overwrites_itself(signature, by_rank);
  bool all_known = true;
  bool all_mapped = true;
  for_each_needed(signature, by_rank, [&](const ArenaRef& ref) {
    all_in_arenas &= ref.arena != 0;
    all_known &= arenas.knows(ref.arena);
    all_mapped &= arenas.resolve(ref) != nullptr;
  });
  if (all_in_arenas && all_mapped) return Path::kDirect;
  if (all_in_arenas && !all_known) return Path::kAsk;
  const bool all_shown = std::ranges::all_of(by_rank, [](const Whereabouts& rank) { return rank.has_shown != 0; });
  return all_shown ? Path::kStaged : Path::kShowFirst;
}

LargeTask::LargeTask(Group& group, ArenaTable& arenas, const Operation& operation)
    : group_(group), arenas_(arenas), operation_(operation), by_rank_(static_cast<std::size_t>(group.size())) {
  const auto own = own_whereabouts();
  if (own.has_shown != 0 && has_input(operation_.signature, group_.rank())) way_ = show();
  std::memcpy(group_.own_payload(operation_.signature.sequence), &own, sizeof own);
  group_.enter(operation_.signature);
}

// A rank whose own buffers nobody else can reach knows that the way leads through staging memory, and shows its first
// chunk at once. A rank without an input has nothing to show.
Whereabouts LargeTask::own_whereabouts() {
  const auto& signature = operation_.signature;
  Whereabouts own;
  bool is_reachable = true;
  if (has_input(signature, group_.rank())) {
    own.input = arenas_.refer(operation_.input);
    is_reachable &= own.input.arena != 0;
  }
  const bool in_place = operation_.output.data == operation_.input.data;
  if (must_reach_output(signature, group_.rank()) || (signature.kind == OpKind::kAllToAll && in_place)) {
    own.output = in_place ? own.input : arenas_.refer(operation_.output);
    is_reachable &= own.output.arena != 0;
  }
  own.has_shown = is_reachable && has_input(signature, group_.rank()) ? 0 : 1;
  return own;
}

// The way through staging memory, with the first chunk shown there.
std::unique_ptr<Task> LargeTask::show() const {
  if (InlineTask::fits(operation_.signature, group_.size(), group_.segment().quarter_bytes())) {
    return std::make_unique<InlineTask>(group_, operation_);
  }
  return std::make_unique<StagedExchange>(group_, operation_);
}

Step LargeTask::advance() {
  switch (phase_) {
    case Phase::kEntered:
      if (!group_.all_entered(operation_.signature.sequence)) return Step::kBlocked;
      group_.compare(operation_.signature);
      for (int rank = 0; rank < group_.size(); ++rank) {
        std::memcpy(&by_rank_[rank], group_.payload(rank, operation_.signature.sequence), sizeof(Whereabouts));
      }
      decide();
      break;
    case Phase::kAsked:
      if (!group_.all_arrived()) return Step::kBlocked;
      learn();
      decide();
      break;
    case Phase::kShown:
      if (!group_.all_arrived()) return Step::kBlocked;
      phase_ = Phase::kUnderWay;
      break;
    case Phase::kUnderWay:
      break;
  }
  return phase_ == Phase::kUnderWay ? way_->advance() : Step::kMoved;
}

void LargeTask::decide() {
  const auto path = choose_path(operation_.signature, by_rank_, arenas_);
  if (path == Path::kAsk && phase_ == Phase::kEntered) return ask();
  if (path == Path::kDirect) {
    go_direct();
  } else if (!way_) {
    way_ = show();
  }
  phase_ = Phase::kUnderWay;
  if (path == Path::kDirect || path == Path::kStaged) return;
  group_.publish();
  phase_ = Phase::kShown;
}

// Every rank says which of the unknown arenas it maps. It keeps them mapped until the answers are in.
void LargeTask::ask() {
  asked_.clear();
  mapped_.clear();
  for_each_needed(operation_.signature, by_rank_, [&](const ArenaRef& ref) {
    const bool is_new = !arenas_.knows(ref.arena) && std::ranges::find(asked_, ref.arena) == asked_.end();
    if (is_new && asked_.size() < kMostAsked) asked_.push_back(ref.arena);
  });
  std::uint64_t answer = 0;
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    mapped_.push_back(ArenaTable::find_mapped(asked_[i]));
    if (mapped_.back()) answer |= std::uint64_t{1} << i;
  }
  group_.publish_answer(answer);
  phase_ = Phase::kAsked;
}

void LargeTask::learn() {
  auto by_all = ~std::uint64_t{0};
  for (int rank = 0; rank < group_.size(); ++rank) by_all &= group_.answer(rank);
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    const bool all_map_it = (by_all >> i & 1) != 0;
    arenas_.learn(asked_[i], all_map_it ? std::move(mapped_[i]) : nullptr);
  }
}

void LargeTask::go_direct() {
  for (const auto& rank : by_rank_) {
    inputs_.push_back(arenas_.resolve(rank.input));
    outputs_.push_back(arenas_.resolve(rank.output));
  }
  if (reduces_by_slices(operation_.signature.kind)) {
    way_ = std::make_unique<DirectReduce>(group_, operation_, inputs_, outputs_);
  } else {
    way_ = std::make_unique<DirectCopy>(group_, operation_, inputs_);
  }
}

}  // namespace trireme::collectives
