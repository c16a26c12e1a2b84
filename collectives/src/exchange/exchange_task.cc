#include "exchange_task.h"

#include <algorithm>
#include <cstring>

#include "../copy_elements.h"
#include "../reduce/reduce.h"

namespace trireme::collectives {
namespace {

constexpr std::int64_t kPieceBytes = std::int64_t{128} << 10;  // of one message
constexpr std::size_t kChunksUnderWay = 8;

std::int64_t capacity_of(const Pieces& pieces, const Operation& operation, int ranks) {
  const auto piece = kPieceBytes / static_cast<std::int64_t>(size_of(operation.signature.dtype));
  return pieces.has_slice_owners() ? piece * ranks : piece;
}

bool fits_in_heads(const Pieces& pieces, const Operation& operation, int ranks) {
  const auto longest_slice = (pieces.block() + ranks - 1) / ranks;
  return pieces.has_slice_owners() && longest_slice * static_cast<std::int64_t>(size_of(operation.signature.dtype)) <=
                                          static_cast<std::int64_t>(kMostInlineBytes);
}

}  // namespace

ExchangeTask::Chunk::Chunk(ExchangeGroup& group, std::int32_t index_, std::int64_t first_, std::int64_t length_,
                           std::size_t piece_bytes_)
    : index(index_),
      first(first_),
      length(length_),
      piece_bytes(piece_bytes_),
      scratch(group.scratch(), piece_bytes_ * static_cast<std::size_t>(group.size())),
      arriving(group.messenger()),
      others(group.messenger()) {}

ExchangeTask::ExchangeTask(ExchangeGroup& group, const Operation& operation)
    : group_(group),
      operation_(operation),
      pieces_(operation, group.rank(), group.size()),
      capacity_(capacity_of(pieces_, operation, group.size())),
      rides_in_heads_(fits_in_heads(pieces_, operation, group.size())),
      heads_(group, operation.signature, [this](int peer) { return head_payload(peer); }) {
  start_chunks();
}

Step ExchangeTask::advance() {
  bool moved = group_.messenger().progress();
  if (!is_compared_) {
    heads_.note_arrivals();
    if (!heads_.have_arrived()) return moved ? Step::kMoved : Step::kBlocked;
    heads_.compare();
    is_compared_ = moved = true;
    for (auto& chunk : chunks_) start_receiving(chunk);
  }
  for (bool again = true; again; moved |= again) {
    again = finish_chunks();
    again |= start_chunks();
  }
  if (chunks_.empty() && heads_.have_left()) return Step::kFinished;
  return moved ? Step::kMoved : Step::kBlocked;
}

std::vector<int> ExchangeTask::missing() const {
  const auto waits_for = [&](int rank) {
    if (!is_compared_) return heads_.waits_for(rank);
    const auto in = [&](const Chunk& chunk) { return chunk.arriving.waits_for(rank) || chunk.others.waits_for(rank); };
    return heads_.still_sends_to(rank) || std::ranges::any_of(chunks_, in);
  };
  std::vector<int> ranks;
  for (int rank = 0; rank < group_.size(); ++rank) {
    if (waits_for(rank)) ranks.push_back(rank);
  }
  return ranks;
}

bool ExchangeTask::start_chunks() {
  bool moved = false;
  for (; chunks_.size() < kChunksUnderWay && first_ < pieces_.block(); moved = true) {
    const auto length = std::min(pieces_.block() - first_, capacity_);
    const auto longest = pieces_.has_slice_owners() ? (length + group_.size() - 1) / group_.size() : length;
    auto& chunk = chunks_.emplace_back(group_, next_index_++, first_, length,
                                       static_cast<std::size_t>(longest) * size_of(operation_.signature.dtype));
    first_ += length;
    start_first_round(chunk);
    if (is_compared_) start_receiving(chunk);
  }
  return moved;
}

// In order, because peers expect results in order.
bool ExchangeTask::finish_chunks() {
  bool moved = false;
  for (auto& chunk : chunks_) {
    if (chunk.is_first_round_over) continue;
    if (!end_first_round(chunk)) break;
    moved = true;
  }
  for (; !chunks_.empty() && is_over(chunks_.front()); moved = true) chunks_.pop_front();
  return moved;
}

Buffer ExchangeTask::head_payload(int peer) const {
  if (!rides_in_heads_ || !(is_reduction(pieces_.kind()) || pieces_.is_root())) return {};
  return pieces_.input(peer, 0, pieces_.block());
}

void ExchangeTask::start_first_round(Chunk& chunk) {
  if (rides_in_heads_) return;
  switch (pieces_.kind()) {
    case OpKind::kAllReduce:
    case OpKind::kReduce:
    case OpKind::kReduceScatter:
      return group_.for_each_peer(
          [&](int peer) { send(chunk, input(chunk, peer), peer, MessageKind::kToOwner, chunk.others); });
    case OpKind::kBroadcast:
    case OpKind::kScatter:
      return scatter_from_root(chunk);
    default:
      return send_blocks(chunk);
  }
}

// Nothing that arrives is put into the caller's memory, or reduced, before all ranks are known to have called the same.
void ExchangeTask::start_receiving(Chunk& chunk) {
  switch (pieces_.kind()) {
    case OpKind::kAllReduce:
    case OpKind::kReduce:
    case OpKind::kReduceScatter:
      receive_pieces(chunk);
      break;
    case OpKind::kBroadcast:
    case OpKind::kScatter:
      receive_from_root(chunk);
      break;
    default:
      return receive_blocks(chunk);
  }
  if (pieces_.has_slice_owners()) receive_results(chunk);
}

bool ExchangeTask::end_first_round(Chunk& chunk) {
  if (!is_compared_ || !chunk.arriving.done()) return false;
  if (is_reduction(pieces_.kind())) reduce(chunk);
  if (pieces_.has_slice_owners()) send_results(chunk);
  return chunk.is_first_round_over = true;
}

void ExchangeTask::scatter_from_root(Chunk& chunk) {
  if (!pieces_.is_root()) return;
  group_.for_each_peer([&](int peer) { send(chunk, input(chunk, peer), peer, MessageKind::kToOwner, chunk.others); });
}

// In place, arriving blocks would overwrite those not yet sent, so these leave from a copy.
void ExchangeTask::send_blocks(Chunk& chunk) {
  const bool is_transposed = pieces_.kind() == OpKind::kAllToAll;
  const bool is_copied = is_transposed && operation_.input.data == operation_.output.data;
  group_.for_each_peer([&](int peer) {
    if (!pieces_.needs_result(peer)) return;
    auto block = is_transposed ? input(chunk, peer) : operation_.input.slice(chunk.first, chunk.length);
    if (is_copied) {
      const auto copy = in_scratch(chunk, peer, block);
      copy_elements(block, copy);
      block = copy;
    }
    send(chunk, block, peer, MessageKind::kToOwner, chunk.others);
  });
}

void ExchangeTask::receive_pieces(Chunk& chunk) {
  if (rides_in_heads_) return;
  const auto own = input(chunk, group_.rank());
  group_.for_each_peer(
      [&](int peer) { receive(chunk, in_scratch(chunk, peer, own), peer, MessageKind::kToOwner, chunk.arriving); });
}

void ExchangeTask::receive_from_root(Chunk& chunk) {
  const auto target =
      pieces_.has_slice_owners() ? output(chunk, group_.rank()) : operation_.output.slice(chunk.first, chunk.length);
  const int root = operation_.signature.root;
  if (pieces_.is_root()) return copy_elements(input(chunk, group_.rank()), target);
  if (rides_in_heads_) return copy_elements(heads_.payload_as(root, target), target);
  receive(chunk, target, root, MessageKind::kToOwner, chunk.arriving);
}

void ExchangeTask::receive_blocks(Chunk& chunk) {
  if (!pieces_.needs_result(group_.rank())) return;
  group_.for_each_peer(
      [&](int peer) { receive(chunk, output(chunk, peer), peer, MessageKind::kToOwner, chunk.arriving); });
  const bool is_transposed = pieces_.kind() == OpKind::kAllToAll;
  copy_elements(is_transposed ? input(chunk, group_.rank()) : operation_.input.slice(chunk.first, chunk.length),
                output(chunk, group_.rank()));
}

// In place, a result lands where this rank's own piece for its owner still stands; it cannot come before the owner has
// got that piece.
void ExchangeTask::receive_results(Chunk& chunk) {
  if (!pieces_.needs_result(group_.rank())) return;
  group_.for_each_peer(
      [&](int peer) { receive(chunk, output(chunk, peer), peer, MessageKind::kFromOwner, chunk.others); });
}

void ExchangeTask::reduce(Chunk& chunk) {
  const auto own = input(chunk, group_.rank());
  std::vector<const void*> inputs;
  for (int rank = 0; rank < group_.size(); ++rank) {
    const auto arrived = rides_in_heads_ ? heads_.payload_as(rank, own) : in_scratch(chunk, rank, own);
    inputs.push_back(rank == group_.rank() ? own.data : arrived.data);
  }
  const auto result = reduced(chunk);
  reduce_in_order(inputs, result.data, result.count, result.dtype, operation_.signature.op);
}

// Where this rank keeps what it has reduced: in the output if it has one, else in the place of its own piece.
Buffer ExchangeTask::reduced(const Chunk& chunk) const {
  if (pieces_.kind() == OpKind::kReduceScatter) return operation_.output.slice(chunk.first, chunk.length);
  if (pieces_.needs_result(group_.rank())) return output(chunk, group_.rank());
  return in_scratch(chunk, group_.rank(), input(chunk, group_.rank()));
}

void ExchangeTask::send_results(Chunk& chunk) {
  const auto own = pieces_.kind() == OpKind::kBroadcast ? output(chunk, group_.rank()) : reduced(chunk);
  group_.for_each_peer([&](int peer) {
    if (pieces_.needs_result(peer)) send(chunk, own, peer, MessageKind::kFromOwner, chunk.others);
  });
}

Buffer ExchangeTask::input(const Chunk& chunk, int owner) const {
  return pieces_.input(owner, chunk.first, chunk.length);
}

Buffer ExchangeTask::output(const Chunk& chunk, int owner) const {
  return pieces_.output(owner, chunk.first, chunk.length);
}

Buffer ExchangeTask::in_scratch(const Chunk& chunk, int rank, const Buffer& like) const {
  auto buffer = like;
  buffer.data = chunk.scratch.data() + chunk.piece_bytes * static_cast<std::size_t>(rank);
  return buffer;
}

void ExchangeTask::send(const Chunk& chunk, const Buffer& buffer, int peer, MessageKind kind, Batch& batch) {
  group_.messenger().send({static_cast<const std::byte*>(buffer.data), buffer.bytes()},
                          {peer, kind, chunk.index, operation_.signature.sequence}, batch);
}

void ExchangeTask::receive(const Chunk& chunk, const Buffer& buffer, int peer, MessageKind kind, Batch& batch) {
  group_.messenger().receive({static_cast<std::byte*>(buffer.data), buffer.bytes()},
                             {peer, kind, chunk.index, operation_.signature.sequence}, batch);
}

}  // namespace trireme::collectives
