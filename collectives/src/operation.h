#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "trireme/collectives/communicator.h"

// An operation as a value: what was asked for, and the part of it that all ranks must agree on.
namespace trireme::collectives {

enum class OpKind : std::uint8_t {
  kBarrier,
  kAllReduce,
  kReduceScatter,
  kAllGather,
  kBroadcast,
  kReduce,
  kGather,
  kScatter,
  kAllToAll,
  kAllocate,
  kSend,
  kReceive,
};
[[nodiscard]] const char* to_string(OpKind kind) noexcept;
[[nodiscard]] constexpr bool is_point_to_point(OpKind kind) noexcept {
  return kind == OpKind::kSend || kind == OpKind::kReceive;
}
[[nodiscard]] constexpr bool is_reduction(OpKind kind) noexcept {
  return kind == OpKind::kAllReduce || kind == OpKind::kReduceScatter || kind == OpKind::kReduce;
}
[[nodiscard]] constexpr bool is_rooted(OpKind kind) noexcept {
  return kind == OpKind::kBroadcast || kind == OpKind::kReduce || kind == OpKind::kGather || kind == OpKind::kScatter;
}

// What ranks compare before they mix data. Trivially copyable and free of padding: it travels as bytes.
struct Signature {
  std::uint64_t sequence = 0;
  std::int64_t count = 0;  // elements of the buffer that every rank has: see Communicator
  // The operation of a larger group that this is a part of; see make_part(). 0: it stands for itself.
  std::uint64_t parent = 0;
  std::int64_t parent_count = 0;
  std::int32_t root = -1;  // root or, point to point, the peer
  OpKind kind = OpKind::kBarrier;
  Dtype dtype = Dtype::kUint8;
  ReduceOp op = ReduceOp::kSum;
  std::uint8_t reserved = 0;

  [[nodiscard]] std::int64_t bytes() const noexcept { return count * static_cast<std::int64_t>(size_of(dtype)); }
  friend bool operator==(const Signature&, const Signature&) = default;
};
static_assert(std::has_unique_object_representations_v<Signature>);

// `part` as a part of `whole`: ranks that disagree about the whole do so about the first part too, and are shown the
// whole. Of the sequence it keeps the lower 32 bits, of the root the lower 16.
[[nodiscard]] Signature make_part(Signature part, const Signature& whole) noexcept;

// "all_reduce #12 of 1024 float32, sum"
[[nodiscard]] std::string describe(const Signature& signature);

// Compares what ranks 0..n-1 called; a text that shows every side when they differ.
[[nodiscard]] std::optional<std::string> find_mismatch(std::span<const Signature> by_rank);

// Whether two views have a byte in common.
[[nodiscard]] bool overlap(const Buffer& a, const Buffer& b) noexcept;

struct Operation {
  Signature signature;
  Buffer input = {};
  Buffer output = {};
  int tag = 0;
  Timeout timeout = kDefaultTimeout;
  Stream stream = {};
};

}  // namespace trireme::collectives
