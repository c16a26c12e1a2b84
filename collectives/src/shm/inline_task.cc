#include "inline_task.h"

#include <algorithm>
#include <cstring>

#include "../operation_layout.h"
#include "../reduce/reduce.h"

namespace trireme::collectives {
namespace {

// Up to here reading everything costs less than waiting once more (bench collectives, 2 to 8 ranks).
constexpr std::size_t kLargestReading = std::size_t{32} << 10;
// Up to here copying costs less than finding out that it is not needed.
constexpr std::size_t kTiny = 1024;
constexpr int kManyRanks = 64;

std::size_t input_bytes(const Signature& signature, int ranks) {
  return static_cast<std::size_t>(input_count(signature, ranks)) * size_of(signature.dtype);
}

}  // namespace

bool InlineTask::fits(const Signature& signature, int ranks, std::size_t quarter_bytes) noexcept {
  const auto shown = input_bytes(signature, ranks);
  const auto reading = reduces_by_slices(signature.kind) ? shown * static_cast<std::size_t>(ranks) : shown;
  return shown <= quarter_bytes && reading <= kLargestReading;
}

bool InlineTask::is_tiny(const Signature& signature, int ranks, std::size_t quarter_bytes) noexcept {
  const auto shown = input_bytes(signature, ranks);
  return shown <= Entry::kPayload || (shown <= kTiny && fits(signature, ranks, quarter_bytes));
}

InlineTask::InlineTask(Group& group, const Operation& operation)
    : group_(group),
      operation_(operation),
      block_(block_count(operation.signature, group.size())),
      in_entry_(input_bytes(operation.signature, group.size()) <= Entry::kPayload) {
  const auto& signature = operation_.signature;
  if (!in_entry_) quarter_ = group_.next_quarter();
  if (block_ == 0 || !has_input(signature, group_.rank())) return;
  auto* const place = in_entry_ ? group_.own_payload(signature.sequence) : group_.staging(group_.rank(), quarter_);
  std::memcpy(place, operation_.input.data, input_bytes(signature, group_.size()));
}

Step InlineTask::advance() {
  if (!group_.all_arrived()) return Step::kBlocked;
  if (block_ > 0 && has_output(operation_.signature, group_.rank())) take();
  group_.finish(operation_.signature);
  return Step::kFinished;
}

Step TinyTask::advance() {
  if (!group_.all_entered(signature_.sequence)) return Step::kBlocked;
  group_.compare(signature_);
  return task_.advance();
}

// Where block `block` of the input of `rank` lies.
const std::byte* InlineTask::shown(int rank, std::int64_t block) const {
  const auto* const input =
      in_entry_ ? group_.payload(rank, operation_.signature.sequence) : group_.staging(rank, quarter_);
  return input + block * block_ * static_cast<std::int64_t>(size_of(operation_.signature.dtype));
}

void InlineTask::reduce(std::int64_t block) const {
  const void* few[kManyRanks];
  std::vector<const void*> many(group_.size() > kManyRanks ? static_cast<std::size_t>(group_.size()) : 0);
  const void** const pieces = many.empty() ? few : many.data();
  for (int rank = 0; rank < group_.size(); ++rank) pieces[rank] = shown(rank, block);
  reduce_in_order({pieces, static_cast<std::size_t>(group_.size())}, operation_.output.data, block_,
                  operation_.signature.dtype, operation_.signature.op);
}

void InlineTask::copy(int from, std::int64_t block, std::int64_t target) const {
  const auto to = operation_.output.slice(target * block_, block_);
  std::memcpy(to.data, shown(from, block), to.bytes());
}

void InlineTask::take() {
  const int own = group_.rank();
  switch (operation_.signature.kind) {
    case OpKind::kAllReduce:
    case OpKind::kReduce:
      return reduce(0);
    case OpKind::kReduceScatter:
      return reduce(own);
    case OpKind::kBroadcast:
      return copy(operation_.signature.root, 0, 0);
    case OpKind::kScatter:
      return copy(operation_.signature.root, own, 0);
    case OpKind::kAllToAll:
      for (int rank = 0; rank < group_.size(); ++rank) copy(rank, own, rank);
      return;
    case OpKind::kAllGather:
    case OpKind::kGather:
      for (int rank = 0; rank < group_.size(); ++rank) copy(rank, 0, rank);
      return;
    default:
      return;
  }
}

}  // namespace trireme::collectives
