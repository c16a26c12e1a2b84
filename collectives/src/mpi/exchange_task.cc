#include "exchange_task.h"

#include <algorithm>
#include <cstring>

#include "../reduce.h"
#include "tags.h"
#include "trireme/base/error.h"

namespace trireme::collectives {
namespace {

constexpr std::int64_t kPieceBytes = std::int64_t{4} << 20;  // of one message; what the scratch holds per rank

// The block is cut into one slice per rank, and slice r belongs to rank r.
bool has_slice_owners(OpKind kind) {
  return kind == OpKind::kAllReduce || kind == OpKind::kReduce || kind == OpKind::kBroadcast;
}

bool reduces(OpKind kind) {
  return kind == OpKind::kAllReduce || kind == OpKind::kReduce || kind == OpKind::kReduceScatter;
}

bool carries_data(OpKind kind) { return kind != OpKind::kBarrier && kind != OpKind::kAllocate; }

void copy(const Buffer& from, const Buffer& to) {
  if (from.count > 0 && from.data != to.data) std::memcpy(to.data, from.data, from.bytes());
}

}  // namespace

ExchangeTask::ExchangeTask(MpiGroup& group, const Operation& operation)
    : group_(group), operation_(operation), kind_(operation.signature.kind), requests_(group.comm) {
  if (carries_data(kind_)) block_ = operation.signature.count / (kind_ == OpKind::kAllToAll ? group.size : 1);
  capacity_ = kPieceBytes / static_cast<std::int64_t>(size_of(operation.signature.dtype));
  if (has_slice_owners(kind_)) capacity_ *= group.size;
  start_signatures();
}

Step ExchangeTask::advance() {
  bool moved = false;
  while (phase_ != Phase::kFinished) {
    moved |= requests_.advance();
    if (!requests_.done()) return moved ? Step::kMoved : Step::kBlocked;
    next_phase();
    moved = true;
  }
  return Step::kFinished;
}

template <typename Action>
void ExchangeTask::for_each_peer(Action&& action) {
  for (int distance = 1; distance < group_.size; ++distance) action((group_.rank + distance) % group_.size);
}

void ExchangeTask::start_signatures() {
  auto& heard = group_.heard;
  heard[group_.rank] = operation_.signature;
  for_each_peer([&](int peer) {
    requests_.receive(&heard[peer], sizeof(Signature), peer, kSignatureTag);
    requests_.send(&operation_.signature, sizeof(Signature), peer, kSignatureTag);
  });
}

void ExchangeTask::compare_signatures() const {
  if (const auto mismatch = find_mismatch(group_.heard)) throw MismatchError(*mismatch);
}

void ExchangeTask::next_phase() {
  switch (phase_) {
    case Phase::kSignatures:
      compare_signatures();
      return start_chunk();
    case Phase::kToOwners:
      if (reduces(kind_)) reduce_pieces();
      phase_ = Phase::kFromOwners;
      return start_from_owners();
    case Phase::kFromOwners:
      first_ += length_;
      return start_chunk();
    case Phase::kFinished:
      return;
  }
}

void ExchangeTask::start_chunk() {
  length_ = std::min(block_ - first_, capacity_);
  phase_ = length_ == 0 ? Phase::kFinished : Phase::kToOwners;
  if (length_ > 0) start_to_owners();
}

// What this chunk of the input holds for `owner`.
Buffer ExchangeTask::input_piece(int owner) const {
  if (!has_slice_owners(kind_)) return operation_.input.slice(owner * block_ + first_, length_);
  const auto slice = slice_of(length_, owner, group_.size);
  return operation_.input.slice(first_ + slice.first, slice.length);
}

// Where what `owner` holds goes in this chunk of the output.
Buffer ExchangeTask::output_piece(int owner) const {
  if (!has_slice_owners(kind_)) return operation_.output.slice(owner * block_ + first_, length_);
  const auto slice = slice_of(length_, owner, group_.size);
  return operation_.output.slice(first_ + slice.first, slice.length);
}

std::byte* ExchangeTask::scratch(int rank) {
  const auto stride = input_piece(group_.rank).bytes();
  group_.scratch.resize(std::max(group_.scratch.size(), stride * static_cast<std::size_t>(group_.size)));
  return group_.scratch.data() + stride * static_cast<std::size_t>(rank);
}

// Where this rank keeps what it has reduced: in the output if it has one, else in place of its own piece.
Buffer ExchangeTask::reduced_piece() {
  if (kind_ == OpKind::kReduceScatter) return operation_.output.slice(first_, length_);
  if (kind_ == OpKind::kAllReduce || is_root()) return output_piece(group_.rank);
  auto piece = input_piece(group_.rank);
  piece.data = scratch(group_.rank);
  return piece;
}

void ExchangeTask::start_to_owners() {
  switch (kind_) {
    case OpKind::kAllReduce:
    case OpKind::kReduce:
    case OpKind::kReduceScatter:
      return send_pieces();
    case OpKind::kBroadcast:
    case OpKind::kScatter:
      return scatter_from_root(kind_ == OpKind::kBroadcast);
    case OpKind::kAllToAll:
      return exchange_blocks();
    default:
      return;
  }
}

void ExchangeTask::start_from_owners() {
  switch (kind_) {
    case OpKind::kAllReduce:
    case OpKind::kReduce:
    case OpKind::kBroadcast:
      return share_slices();
    case OpKind::kAllGather:
    case OpKind::kGather:
      return share_blocks();
    default:
      return;
  }
}

void ExchangeTask::send_pieces() {
  auto own = input_piece(group_.rank);
  for_each_peer([&](int peer) {
    own.data = scratch(peer);
    receive(own, peer, kToOwnerTag);
    send(input_piece(peer), peer, kToOwnerTag);
  });
}

void ExchangeTask::reduce_pieces() {
  std::vector<const void*> pieces;
  for (int rank = 0; rank < group_.size; ++rank) {
    pieces.push_back(rank == group_.rank ? input_piece(rank).data : scratch(rank));
  }
  const auto result = reduced_piece();
  reduce_in_order(pieces, result.data, result.count, result.dtype, operation_.signature.op);
}

void ExchangeTask::scatter_from_root(bool by_slices) {
  const int root = operation_.signature.root;
  const auto target = by_slices ? output_piece(group_.rank) : operation_.output.slice(first_, length_);
  if (!is_root()) return receive(target, root, kToOwnerTag);
  for_each_peer([&](int peer) { send(input_piece(peer), peer, kToOwnerTag); });
  copy(input_piece(group_.rank), target);
}

// In place, arriving blocks would overwrite those not yet sent, so these leave from a copy.
void ExchangeTask::exchange_blocks() {
  const bool in_place = operation_.input.data == operation_.output.data;
  for_each_peer([&](int peer) {
    auto piece = input_piece(peer);
    if (in_place) {
      std::memcpy(scratch(peer), piece.data, piece.bytes());
      piece.data = scratch(peer);
    }
    send(piece, peer, kToOwnerTag);
    receive(output_piece(peer), peer, kToOwnerTag);
  });
  copy(input_piece(group_.rank), output_piece(group_.rank));
}

bool ExchangeTask::needs_result(int rank) const {
  if (kind_ == OpKind::kReduce || kind_ == OpKind::kGather) return rank == operation_.signature.root;
  return kind_ != OpKind::kBroadcast || rank != operation_.signature.root;
}

void ExchangeTask::share_slices() {
  const auto own = kind_ == OpKind::kBroadcast ? output_piece(group_.rank) : reduced_piece();
  for_each_peer([&](int peer) {
    if (needs_result(peer)) send(own, peer, kFromOwnerTag);
    if (needs_result(group_.rank)) receive(output_piece(peer), peer, kFromOwnerTag);
  });
}

void ExchangeTask::share_blocks() {
  const auto own = operation_.input.slice(first_, length_);
  for_each_peer([&](int peer) {
    if (needs_result(peer)) send(own, peer, kFromOwnerTag);
    if (needs_result(group_.rank)) receive(output_piece(peer), peer, kFromOwnerTag);
  });
  if (needs_result(group_.rank)) copy(own, output_piece(group_.rank));
}

}  // namespace trireme::collectives
