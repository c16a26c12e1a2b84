#include "segment.h"

#include <bit>
#include <memory>

namespace trireme::collectives {
namespace {

// The part of a signature after sequence and count.
struct Rest {
  std::int32_t root;
  OpKind kind;
  Dtype dtype;
  ReduceOp op;
  std::uint8_t reserved;
};

constexpr std::size_t kPage = 4096;

std::size_t slots_offset() { return sizeof(ControlBlock); }
std::size_t channels_offset(std::size_t ranks) { return slots_offset() + ranks * sizeof(RankSlot); }
std::size_t staging_offset(std::size_t ranks) {
  const auto end = channels_offset(ranks) + ranks * ranks * sizeof(Channel);
  return (end + kPage - 1) / kPage * kPage;
}

}  // namespace

void SharedSignature::store(const Signature& signature) noexcept {
  const Rest rest{signature.root, signature.kind, signature.dtype, signature.op, 0};
  sequence_.store(signature.sequence, std::memory_order_relaxed);
  count_.store(signature.count, std::memory_order_relaxed);
  parent_.store(signature.parent, std::memory_order_relaxed);
  parent_count_.store(signature.parent_count, std::memory_order_relaxed);
  rest_.store(std::bit_cast<std::uint64_t>(rest), std::memory_order_relaxed);
}

Signature SharedSignature::load() const noexcept {
  const auto rest = std::bit_cast<Rest>(rest_.load(std::memory_order_relaxed));
  return {.sequence = sequence_.load(std::memory_order_relaxed),
          .count = count_.load(std::memory_order_relaxed),
          .parent = parent_.load(std::memory_order_relaxed),
          .parent_count = parent_count_.load(std::memory_order_relaxed),
          .root = rest.root,
          .kind = rest.kind,
          .dtype = rest.dtype,
          .op = rest.op};
}

std::size_t Segment::bytes_for(const SegmentShape& shape) noexcept {
  const auto staging = static_cast<std::size_t>(shape.ranks) * kQuarters * shape.quarter_bytes;
  return (staging_offset(shape.ranks) + staging + kPage - 1) / kPage * kPage;
}

// The pages are zero and stay untouched where zero is the state to begin with: a channel costs memory once it is used.
void Segment::prepare(Mapping& mapping, const SegmentShape& shape) {
  auto* control = std::construct_at(reinterpret_cast<ControlBlock*>(mapping.data()));
  control->quarter_bytes = shape.quarter_bytes;
  control->shares_cores = shape.shares_cores ? 1 : 0;
  auto* slots = reinterpret_cast<RankSlot*>(mapping.data() + slots_offset());
  for (int rank = 0; rank < shape.ranks; ++rank) std::construct_at(slots + rank);
}

ControlBlock& Segment::control() const noexcept { return *reinterpret_cast<ControlBlock*>(mapping_->data()); }

RankSlot& Segment::slot(const Mapping& mapping, int rank) noexcept {
  return reinterpret_cast<RankSlot*>(mapping.data() + slots_offset())[rank];
}

RankSlot& Segment::slot(int rank) const noexcept { return slot(*mapping_, rank); }

Channel& Segment::channel(int from, int to) const noexcept {
  auto* channels = reinterpret_cast<Channel*>(mapping_->data() + channels_offset(ranks_));
  return channels[from * ranks_ + to];
}

std::byte* Segment::staging(int rank, int quarter) const noexcept {
  const auto index = static_cast<std::size_t>(rank) * kQuarters + static_cast<std::size_t>(quarter);
  return mapping_->data() + staging_offset(ranks_) + index * quarter_bytes();
}

}  // namespace trireme::collectives
