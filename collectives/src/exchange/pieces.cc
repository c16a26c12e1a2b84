#include "pieces.h"

#include "../reduce/reduce.h"

namespace trireme::collectives {

Pieces::Pieces(const Operation& operation, int rank, int size)
    : operation_(operation), rank_(rank), size_(size), block_(block_count(operation.signature, size)) {}

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

}  // namespace trireme::collectives
