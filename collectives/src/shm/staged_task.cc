#include "staged_task.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "../reduce.h"

namespace trireme::collectives {
namespace {

// Each rank's input holds one block for every rank, so a chunk carries a part of each block.
bool stages_block_per_rank(OpKind kind) {
  return kind == OpKind::kReduceScatter || kind == OpKind::kScatter || kind == OpKind::kAllToAll;
}

// Every rank reduces a slice, and the results are gathered out of the staging areas of their owners.
bool reduces_by_slices(OpKind kind) { return kind == OpKind::kAllReduce || kind == OpKind::kReduce; }

bool carries_data(OpKind kind) { return kind != OpKind::kBarrier && kind != OpKind::kAllocate; }

}  // namespace

StagedTask::StagedTask(Group& group, const Operation& operation)
    : group_(group),
      operation_(operation),
      kind_(operation.signature.kind),
      element_(static_cast<std::int64_t>(size_of(operation.signature.dtype))) {
  const auto ranks = group.size();
  if (carries_data(kind_)) block_ = operation.signature.count / (kind_ == OpKind::kAllToAll ? ranks : 1);
  capacity_ = static_cast<std::int64_t>(group.segment().half_bytes()) / element_;
  if (stages_block_per_rank(kind_)) capacity_ /= ranks;
  length_ = std::min(capacity_, block_);
  group_.enter(operation.signature);
}

Step StagedTask::advance() {
  bool moved = false;
  while (step()) {
    moved = true;
    if (phase_ == Phase::kFill && first_ >= block_) {
      group_.finish(operation_.signature);
      return Step::kFinished;
    }
  }
  if (!moved) group_.check_left();
  return moved ? Step::kMoved : Step::kBlocked;
}

// False when it has to wait for other ranks.
bool StagedTask::step() {
  if (phase_ == Phase::kFill) {
    half_ = group_.next_half();
    fill();
    group_.publish();
    phase_ = Phase::kFilled;
    return true;
  }
  if (!group_.all_arrived()) return false;
  if (phase_ == Phase::kFilled && first_ == 0) group_.compare(operation_.signature);
  if (phase_ == Phase::kFilled && reduces_by_slices(kind_)) {
    reduce_own_slice();
    group_.publish();
    phase_ = Phase::kReduced;
    return true;
  }
  empty();
  next_chunk();
  return true;
}

void StagedTask::next_chunk() {
  first_ += std::max<std::int64_t>(length_, 1);
  length_ = std::clamp<std::int64_t>(block_ - first_, 0, capacity_);
  phase_ = Phase::kFill;
}

std::byte* StagedTask::staged(int rank, std::int64_t element) const {
  return group_.staging(rank, half_) + element * element_;
}

// This chunk of block `block` of the input goes to element `position` of this rank's staging half.
void StagedTask::copy_in(std::int64_t block, std::int64_t position) {
  if (length_ == 0) return;
  const auto from = operation_.input.slice(block * block_ + first_, length_);
  std::memcpy(staged(group_.rank(), position), from.data, from.bytes());
}

// Elements from `position` of the staging half of `owner` go to element `target` of the output.
void StagedTask::copy_out(int owner, std::int64_t position, std::int64_t length, std::int64_t target) {
  if (length == 0) return;
  const auto to = operation_.output.slice(target, length);
  std::memcpy(to.data, staged(owner, position), to.bytes());
}

void StagedTask::fill() {
  const bool is_from_root = kind_ == OpKind::kBroadcast || kind_ == OpKind::kScatter;
  if (is_from_root && !is_root()) return;
  if (!stages_block_per_rank(kind_)) return copy_in(0, 0);
  for (int rank = 0; rank < group_.size(); ++rank) copy_in(rank, rank * length_);
}

// In place in this rank's own staging half: nobody else reads or writes its own slice there before the next step.
void StagedTask::reduce_own_slice() {
  const auto slice = slice_of(length_, group_.rank(), group_.size());
  if (slice.length == 0) return;
  std::vector<const void*> pieces;
  for (int rank = 0; rank < group_.size(); ++rank) pieces.push_back(staged(rank, slice.first));
  reduce_in_order(pieces, staged(group_.rank(), slice.first), slice.length, operation_.signature.dtype,
                  operation_.signature.op);
}

void StagedTask::reduce_own_block() {
  if (length_ == 0) return;
  std::vector<const void*> pieces;
  for (int rank = 0; rank < group_.size(); ++rank) pieces.push_back(staged(rank, group_.rank() * length_));
  const auto output = operation_.output.slice(first_, length_);
  reduce_in_order(pieces, output.data, length_, output.dtype, operation_.signature.op);
}

void StagedTask::empty() {
  const int root = operation_.signature.root;
  const int ranks = group_.size();
  switch (kind_) {
    case OpKind::kReduceScatter:
      return reduce_own_block();
    case OpKind::kScatter:
      return copy_out(root, group_.rank() * length_, length_, first_);
    case OpKind::kBroadcast:
      return is_root() ? void() : copy_out(root, 0, length_, first_);
    case OpKind::kAllToAll:
      for (int rank = 0; rank < ranks; ++rank) {
        copy_out(rank, group_.rank() * length_, length_, rank * block_ + first_);
      }
      return;
    case OpKind::kReduce:
    case OpKind::kAllReduce:
      if (kind_ == OpKind::kReduce && !is_root()) return;
      for (int owner = 0; owner < ranks; ++owner) {
        const auto slice = slice_of(length_, owner, ranks);
        copy_out(owner, slice.first, slice.length, first_ + slice.first);
      }
      return;
    case OpKind::kGather:
    case OpKind::kAllGather:
      if (kind_ == OpKind::kGather && !is_root()) return;
      for (int rank = 0; rank < ranks; ++rank) copy_out(rank, 0, length_, rank * block_ + first_);
      return;
    default:
      return;
  }
}

}  // namespace trireme::collectives
