#include "pieces.h"

#include <cstring>

#include "../reduce/reduce.h"

namespace trireme::collectives {

Pieces::Pieces(const Operation& operation, int rank, int size) : operation_(operation), rank_(rank), size_(size) {
  if (kind() == OpKind::kBarrier || kind() == OpKind::kAllocate) return;
  block_ = operation.signature.count / (kind() == OpKind::kAllToAll ? size : 1);
}

bool Pieces::has_slice_owners() const noexcept {
  return kind() == OpKind::kAllReduce || kind() == OpKind::kReduce || kind() == OpKind::kBroadcast;
}

bool Pieces::reduces() const noexcept {
  return kind() == OpKind::kAllReduce || kind() == OpKind::kReduce || kind() == OpKind::kReduceScatter;
}

bool Pieces::needs_result(int rank) const noexcept {
  if (kind() == OpKind::kReduce || kind() == OpKind::kGather) return rank == operation_.signature.root;
  return kind() != OpKind::kBroadcast || rank != operation_.signature.root;
}

Buffer Pieces::input(int owner, std::int64_t first, std::int64_t length) const {
  return part(operation_.input, owner, first, length);
}

Buffer Pieces::output(int owner, std::int64_t first, std::int64_t length) const {
  return part(operation_.output, owner, first, length);
}

Buffer Pieces::part(const Buffer& whole, int owner, std::int64_t first, std::int64_t length) const {
  if (!has_slice_owners()) return whole.slice(owner * block_ + first, length);
  const auto slice = slice_of(length, owner, size_);
  return whole.slice(first + slice.first, slice.length);
}

void copy_elements(const Buffer& from, const Buffer& to) {
  if (from.count > 0 && from.data != to.data) std::memcpy(to.data, from.data, from.bytes());
}

}  // namespace trireme::collectives
