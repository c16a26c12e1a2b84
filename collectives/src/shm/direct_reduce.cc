#include "direct_reduce.h"

#include <algorithm>

#include "../operation_layout.h"
#include "../reduce/reduce.h"

namespace trireme::collectives {
namespace {

constexpr std::int64_t kPieceBytes = std::int64_t{128} << 10;
// Below, finding out what is left to do costs more than doing it, if every rank has a core.
constexpr std::int64_t kWorthSharing = std::int64_t{256} << 10;

// Marks this rank as writing into others' memory, also when a kernel throws.
class Writing {
 public:
  explicit Writing(Group& group) : group_(group) { group_.begin_write(); }
  ~Writing() { group_.end_write(); }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  Group& group_;
};

}  // namespace

DirectReduce::DirectReduce(Group& group, const Operation& operation, const Places& inputs, const Places& outputs)
    : group_(group),
      operation_(operation),
      inputs_(inputs),
      element_(static_cast<std::int64_t>(size_of(operation.signature.dtype))),
      piece_(kPieceBytes / element_),
      shares_work_(group.shares_cores() || operation.signature.bytes() >= kWorthSharing),
      from_(inputs.size()) {
  for (int rank = 0; rank < group_.size(); ++rank) {
    if (has_output(operation_.signature, rank)) outputs_.push_back(outputs[rank]);
  }
  to_.resize(outputs_.size());
  if (!shares_work_) return;
  std::vector<std::uint32_t> pieces;
  for (int rank = 0; rank < group_.size(); ++rank) {
    const auto length = slice_of(operation_.signature.count, rank, group_.size()).length;
    pieces.push_back(static_cast<std::uint32_t>((length + piece_ - 1) / piece_));
  }
  group_.begin_claims(pieces);
}

Step DirectReduce::advance() {
  if (!is_done_) {
    if (shares_work_ && do_next_piece()) return Step::kMoved;
    if (!shares_work_) {
      const auto slice = slice_of(operation_.signature.count, group_.rank(), group_.size());
      reduce(slice.first, slice.length);
      group_.publish();
    }
    is_done_ = true;
  }
  if (shares_work_ ? !group_.all_complete() : !group_.all_arrived()) return Step::kBlocked;
  group_.finish(operation_.signature);
  return Step::kFinished;
}

// False when every piece of every slice is taken.
bool DirectReduce::do_next_piece() {
  for (; helping_ < group_.size(); ++helping_) {
    const int slice = (group_.rank() + helping_) % group_.size();
    const int piece = group_.claim(slice);
    if (piece < 0) continue;
    reduce_piece(slice, piece);
    return true;
  }
  return false;
}

void DirectReduce::reduce_piece(int slice, int piece) {
  const auto whole = slice_of(operation_.signature.count, slice, group_.size());
  const auto first = piece * piece_;
  reduce(whole.first + first, std::min(piece_, whole.length - first));
  group_.complete_piece();
}

void DirectReduce::reduce(std::int64_t first, std::int64_t length) {
  const auto offset = first * element_;
  for (std::size_t rank = 0; rank < from_.size(); ++rank) from_[rank] = inputs_[rank] + offset;
  for (std::size_t i = 0; i < to_.size(); ++i) to_[i] = outputs_[i] + offset;
  const Writing writing(group_);
  reduce_in_order(from_, to_, length, operation_.signature.dtype, operation_.signature.op);
}

}  // namespace trireme::collectives
