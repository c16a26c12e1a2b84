#include "staged_exchange.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "../operation_layout.h"
#include "../reduce/reduce.h"

namespace trireme::collectives {
namespace {

// With two ranks each reads the whole of one other either way; then reducing everything twice saves a wait.
constexpr int kFewRanks = 2;

std::int64_t capacity_of(const Group& group, OpKind kind, std::int64_t element) {
  const auto quarter = static_cast<std::int64_t>(group.segment().quarter_bytes()) / element;
  return has_block_per_rank(kind) ? quarter / group.size() : quarter;
}

}  // namespace

StagedExchange::StagedExchange(Group& group, const Operation& operation)
    : group_(group),
      operation_(operation),
      kind_(operation.signature.kind),
      element_(static_cast<std::int64_t>(size_of(operation.signature.dtype))),
      block_(block_count(operation.signature, group.size())),
      in_slices_(reduces_by_slices(kind_) && group.size() > kFewRanks),
      capacity_(capacity_of(group, kind_, element_)),
      pieces_(static_cast<std::size_t>(group.size())) {
  shown_.length = std::min(capacity_, block_);
  show(shown_);
}

Step StagedExchange::advance() {
  bool moved = false;
  while (group_.all_arrived()) {
    moved = true;
    if (step()) continue;
    group_.finish(operation_.signature);
    return Step::kFinished;
  }
  return moved ? Step::kMoved : Step::kBlocked;
}

StagedExchange::Chunk StagedExchange::after(const Chunk& chunk) const {
  const auto first = chunk.first + chunk.length;
  return {first, std::min(capacity_, block_ - first), 0};
}

// Everybody has shown `shown_` and reduced `reduced_`. False when that was the last chunk.
bool StagedExchange::step() { return in_slices_ ? step_in_slices() : step_whole(); }

bool StagedExchange::step_whole() {
  const auto ready = shown_;
  show_next();
  if (!is_over(shown_)) group_.publish();
  take(ready);
  return !is_over(shown_);
}

bool StagedExchange::step_in_slices() {
  const auto ready = reduced_;
  const bool was_reduced = has_reduced_;
  has_reduced_ = !is_over(shown_);
  if (has_reduced_) {
    reduce(shown_);
    reduced_ = shown_;
    show_next();
    group_.publish();
  }
  if (was_reduced) take_reduced(ready);
  return has_reduced_;
}

void StagedExchange::show_next() {
  shown_ = after(shown_);
  if (!is_over(shown_)) show(shown_);
}

std::byte* StagedExchange::staged(int rank, const Chunk& chunk, std::int64_t position) const {
  return group_.staging(rank, chunk.quarter) + position * element_;
}

void StagedExchange::show_piece(const Chunk& chunk, std::int64_t from, std::int64_t position, std::int64_t length) {
  if (length == 0) return;
  const auto piece = operation_.input.slice(from, length);
  std::memcpy(staged(group_.rank(), chunk, position), piece.data, piece.bytes());
}

void StagedExchange::take_piece(const Chunk& chunk, int owner, std::int64_t position, std::int64_t target,
                                std::int64_t length) {
  if (length == 0) return;
  const auto piece = operation_.output.slice(target, length);
  std::memcpy(piece.data, staged(owner, chunk, position), piece.bytes());
}

// A rank's own part never leaves its own memory.
void StagedExchange::show(Chunk& chunk) {
  chunk.quarter = group_.next_quarter();
  if (!has_input(operation_.signature, group_.rank())) return;
  if (!in_slices_ && !has_block_per_rank(kind_)) return show_piece(chunk, chunk.first, 0, chunk.length);
  for (int rank = 0; rank < group_.size(); ++rank) {
    if (rank == group_.rank()) continue;
    if (in_slices_) {
      const auto slice = slice_of(chunk.length, rank, group_.size());
      show_piece(chunk, chunk.first + slice.first, slice.first, slice.length);
    } else {
      show_piece(chunk, rank * block_ + chunk.first, rank * chunk.length, chunk.length);
    }
  }
}

bool StagedExchange::has_result() const { return has_output(operation_.signature, group_.rank()); }

// The result goes where this rank's own piece would have been staged, and to its own output.
void StagedExchange::reduce(const Chunk& chunk) {
  const auto slice = slice_of(chunk.length, group_.rank(), group_.size());
  if (slice.length == 0) return;
  for (int rank = 0; rank < group_.size(); ++rank) pieces_[rank] = staged(rank, chunk, slice.first);
  void* const shared = staged(group_.rank(), chunk, slice.first);
  pieces_[group_.rank()] = operation_.input.slice(chunk.first + slice.first, slice.length).data;
  std::array<void*, 2> outputs = {shared, nullptr};
  if (has_result()) outputs[1] = operation_.output.slice(chunk.first + slice.first, slice.length).data;
  reduce_in_order(pieces_, std::span<void* const>(outputs).first(has_result() ? 2 : 1), slice.length,
                  operation_.signature.dtype, operation_.signature.op);
}

void StagedExchange::take_reduced(const Chunk& chunk) {
  if (!has_result()) return;
  for (int owner = 0; owner < group_.size(); ++owner) {
    if (owner == group_.rank()) continue;
    const auto slice = slice_of(chunk.length, owner, group_.size());
    take_piece(chunk, owner, slice.first, chunk.first + slice.first, slice.length);
  }
}

// Block `block` of every rank.
void StagedExchange::reduce_blocks(const Chunk& chunk, std::int64_t block) {
  for (int rank = 0; rank < group_.size(); ++rank) pieces_[rank] = staged(rank, chunk, block * chunk.length);
  pieces_[group_.rank()] = operation_.input.slice(block * block_ + chunk.first, chunk.length).data;
  reduce_in_order(pieces_, operation_.output.slice(chunk.first, chunk.length).data, chunk.length,
                  operation_.signature.dtype, operation_.signature.op);
}

// This rank's own part of block `block` goes to element `target` of its output.
void StagedExchange::keep_piece(const Chunk& chunk, std::int64_t block, std::int64_t target) {
  if (chunk.length == 0) return;
  const auto from = operation_.input.slice(block * block_ + chunk.first, chunk.length);
  const auto to = operation_.output.slice(target, chunk.length);
  if (from.data != to.data) std::memcpy(to.data, from.data, to.bytes());
}

// Blocks of all ranks: from each the piece at `position` of its staging memory, and `own_block` of this rank's input.
void StagedExchange::take_blocks(const Chunk& chunk, std::int64_t position, std::int64_t own_block) {
  for (int rank = 0; rank < group_.size(); ++rank) {
    const auto target = rank * block_ + chunk.first;
    if (rank == group_.rank()) {
      keep_piece(chunk, own_block, target);
    } else {
      take_piece(chunk, rank, position, target, chunk.length);
    }
  }
}

void StagedExchange::take(const Chunk& chunk) {
  if (!has_result()) return;
  const int own = group_.rank();
  const int root = operation_.signature.root;
  switch (kind_) {
    case OpKind::kAllReduce:
    case OpKind::kReduce:
      return reduce_blocks(chunk, 0);
    case OpKind::kReduceScatter:
      return reduce_blocks(chunk, own);
    case OpKind::kBroadcast:
      return take_piece(chunk, root, 0, chunk.first, chunk.length);
    case OpKind::kScatter:
      if (own == root) return keep_piece(chunk, own, chunk.first);
      return take_piece(chunk, root, own * chunk.length, chunk.first, chunk.length);
    case OpKind::kAllToAll:
      return take_blocks(chunk, own * chunk.length, own);
    default:
      return take_blocks(chunk, 0, 0);
  }
}

}  // namespace trireme::collectives
