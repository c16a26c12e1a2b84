#include "direct_copy.h"

#include <algorithm>
#include <cstring>

#include "../operation_layout.h"
#include "../reduce/reduce.h"

namespace trireme::collectives {
namespace {

constexpr std::int64_t kCopiedAtOnce = std::int64_t{1} << 20;  // bytes, so that posting returns soon
constexpr std::int64_t kReducedAtOnce = std::int64_t{128} << 10;

}  // namespace

DirectCopy::DirectCopy(Group& group, const Operation& operation, const Places& inputs)
    : group_(group),
      operation_(operation),
      inputs_(inputs),
      kind_(operation.signature.kind),
      element_(static_cast<std::int64_t>(size_of(operation.signature.dtype))),
      block_(block_count(operation.signature, group.size())),
      piece_((kind_ == OpKind::kReduceScatter ? kReducedAtOnce : kCopiedAtOnce) / element_),
      from_(kind_ == OpKind::kReduceScatter ? inputs.size() : 0) {}

Step DirectCopy::advance() {
  if (!has_read_ && source_ < sources()) {
    take_piece();
    return Step::kMoved;
  }
  if (!has_read_) {
    has_read_ = true;
    group_.publish();
  }
  if (!group_.all_arrived()) return Step::kBlocked;
  group_.finish(operation_.signature);
  return Step::kFinished;
}

// How many blocks this rank puts together.
int DirectCopy::sources() const {
  if (!has_output(operation_.signature, group_.rank())) return 0;
  const bool from_all = kind_ == OpKind::kAllGather || kind_ == OpKind::kGather || kind_ == OpKind::kAllToAll;
  return from_all ? group_.size() : 1;
}

void DirectCopy::take_piece() {
  const auto length = std::min(piece_, block_ - first_);
  if (kind_ == OpKind::kReduceScatter) {
    reduce_piece(length);
  } else {
    copy_piece(length);
  }
  first_ += length;
  if (first_ < block_) return;
  first_ = 0;
  ++source_;
}

void DirectCopy::reduce_piece(std::int64_t length) {
  const auto offset = (group_.rank() * block_ + first_) * element_;
  for (std::size_t rank = 0; rank < from_.size(); ++rank) from_[rank] = inputs_[rank] + offset;
  reduce_in_order(from_, operation_.output.slice(first_, length).data, length, operation_.signature.dtype,
                  operation_.signature.op);
}

// Ranks begin with different sources, so that not all read the same memory at the same time.
void DirectCopy::copy_piece(std::int64_t length) {
  const bool from_root = comes_from_root(kind_);
  const int source = from_root ? operation_.signature.root : (group_.rank() + source_) % group_.size();
  const auto block = has_block_per_rank(kind_) ? group_.rank() * block_ : 0;
  const auto* const from = inputs_[source] + (block + first_) * element_;
  const auto to = operation_.output.slice((from_root ? 0 : source * block_) + first_, length);
  if (to.data != from) std::memcpy(to.data, from, to.bytes());
}

}  // namespace trireme::collectives
