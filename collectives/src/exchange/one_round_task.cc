#include "one_round_task.h"

#include "../copy_elements.h"
#include "../reduce/reduce.h"

namespace trireme::collectives {
namespace {

// Two rounds send 2(p-1)/p of a buffer where one sends p-1 of it, and save the wait for the second only while sending
// costs less than that wait.
constexpr std::int64_t kMostReducedBytes = std::int64_t{64} << 10;  // that one rank sends in all

Buffer no_bytes() { return {nullptr, 0, Dtype::kUint8, {}}; }

}  // namespace

bool fits_one_round(const Signature& signature, int ranks) noexcept {
  const auto payload = block_count(signature, ranks) * static_cast<std::int64_t>(size_of(signature.dtype));
  if (payload > static_cast<std::int64_t>(kMostInlineBytes)) return false;
  return !has_slice_owners(signature.kind) || payload * (ranks - 1) <= kMostReducedBytes;
}

OneRoundTask::OneRoundTask(ExchangeGroup& group, const Operation& operation)
    : group_(group),
      operation_(operation),
      pieces_(operation, group.rank(), group.size()),
      heads_(group, operation.signature, [this](int peer) { return outgoing(peer); }) {}

Step OneRoundTask::advance() {
  bool moved = group_.messenger().progress();
  if (!is_delivered_) {
    heads_.note_arrivals();
    if (!heads_.have_arrived()) return moved ? Step::kMoved : Step::kBlocked;
    heads_.compare();
    deliver();
    is_delivered_ = moved = true;
  }
  if (heads_.have_left()) return Step::kFinished;
  return moved ? Step::kMoved : Step::kBlocked;
}

std::vector<int> OneRoundTask::missing() const {
  std::vector<int> ranks;
  for (int rank = 0; rank < group_.size(); ++rank) {
    if (is_delivered_ ? heads_.still_sends_to(rank) : heads_.waits_for(rank)) ranks.push_back(rank);
  }
  return ranks;
}

Buffer OneRoundTask::outgoing(int peer) const {
  switch (pieces_.kind()) {
    case OpKind::kAllReduce:
    case OpKind::kAllGather:
      return operation_.input;
    case OpKind::kReduce:
    case OpKind::kGather:
      return pieces_.needs_result(peer) ? operation_.input : no_bytes();
    case OpKind::kBroadcast:
      return pieces_.is_root() ? operation_.input : no_bytes();
    case OpKind::kScatter:
      return pieces_.is_root() ? pieces_.input(peer, 0, pieces_.block()) : no_bytes();
    case OpKind::kReduceScatter:
    case OpKind::kAllToAll:
      return pieces_.input(peer, 0, pieces_.block());
    default:
      return no_bytes();
  }
}

// What `peer` has sent, as elements.
Buffer OneRoundTask::incoming(int peer) const {
  return heads_.payload_as(peer, {nullptr, pieces_.block(), operation_.signature.dtype, {}});
}

void OneRoundTask::deliver() {
  const int root = operation_.signature.root;
  const auto whole = pieces_.block();
  switch (pieces_.kind()) {
    case OpKind::kAllReduce:
    case OpKind::kReduce:
    case OpKind::kReduceScatter:
      return reduce();
    case OpKind::kBroadcast:
      if (!pieces_.is_root()) copy_elements(incoming(root), operation_.output);
      return;
    case OpKind::kScatter:
      return copy_elements(pieces_.is_root() ? pieces_.input(root, 0, whole) : incoming(root), operation_.output);
    case OpKind::kAllGather:
    case OpKind::kGather:
    case OpKind::kAllToAll:
      if (!pieces_.needs_result(group_.rank())) return;
      group_.for_each_peer([&](int peer) { copy_elements(incoming(peer), pieces_.output(peer, 0, whole)); });
      return copy_elements(
          pieces_.kind() == OpKind::kAllToAll ? pieces_.input(group_.rank(), 0, whole) : operation_.input,
          pieces_.output(group_.rank(), 0, whole));
    default:
      return;
  }
}

void OneRoundTask::reduce() {
  if (!pieces_.needs_result(group_.rank()) || pieces_.block() == 0) return;
  const auto own =
      pieces_.kind() == OpKind::kReduceScatter ? pieces_.input(group_.rank(), 0, pieces_.block()) : operation_.input;
  std::vector<const void*> inputs;
  for (int rank = 0; rank < group_.size(); ++rank) {
    inputs.push_back(rank == group_.rank() ? own.data : incoming(rank).data);
  }
  reduce_in_order(inputs, operation_.output.data, pieces_.block(), own.dtype, operation_.signature.op);
}

}  // namespace trireme::collectives
