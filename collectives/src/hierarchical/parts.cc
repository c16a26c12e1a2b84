#include "parts.h"

#include <algorithm>

#include "../operation_layout.h"

namespace trireme::collectives {
namespace {

// Each rank has, or gets, a block of its own.
bool has_blocks(OpKind kind) { return kind == OpKind::kReduceScatter || kind == OpKind::kAllGather; }

}  // namespace

bool Parts::serve(OpKind kind) noexcept {
  return !carries_data(kind) || is_reduction(kind) || kind == OpKind::kBroadcast || kind == OpKind::kAllGather;
}

Parts::Parts(const Operation& operation, int rank, int ranks, std::int64_t most_bytes)
    : operation_(operation), rank_(rank) {
  const auto& signature = operation.signature;
  if (!carries_data(signature.kind)) return;
  if (has_blocks(signature.kind)) blocks_ = ranks;
  block_ = signature.count;
  length_ = std::max<std::int64_t>(most_bytes / static_cast<std::int64_t>(size_of(signature.dtype)), 1);
  parts_per_block_ = std::max<std::int64_t>((block_ + length_ - 1) / length_, 1);
}

Part Parts::part(std::int64_t index) const {
  const auto& signature = operation_.signature;
  if (!carries_data(signature.kind)) return {};
  const auto owner = static_cast<int>(index / parts_per_block_);
  const auto first = index % parts_per_block_ * length_;
  const auto length = std::min(length_, block_ - first);
  const auto of = [&](const Buffer& whole, std::int64_t block) { return whole.slice(block * block_ + first, length); };
  switch (signature.kind) {
    case OpKind::kReduceScatter:
      return {OpKind::kReduce, of(operation_.input, owner), owner == rank_ ? of(operation_.output, 0) : Buffer{},
              owner};
    case OpKind::kAllGather:
      return {OpKind::kBroadcast, owner == rank_ ? of(operation_.input, 0) : Buffer{}, of(operation_.output, owner),
              owner};
    case OpKind::kReduce:
      return {signature.kind, of(operation_.input, 0), signature.root == rank_ ? of(operation_.output, 0) : Buffer{},
              signature.root};
    default:
      return {signature.kind, of(operation_.input, 0), of(operation_.output, 0), signature.root};
  }
}

}  // namespace trireme::collectives
