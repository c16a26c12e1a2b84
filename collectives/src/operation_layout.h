#pragma once

#include <cstdint>

#include "operation.h"

// What an operation reads and writes, as pure functions of its signature.
namespace trireme::collectives {

// Every rank reduces a slice of what all ranks hold.
[[nodiscard]] constexpr bool reduces_by_slices(OpKind kind) noexcept {
  return kind == OpKind::kAllReduce || kind == OpKind::kReduce;
}
// A block is cut into one slice per rank, and rank r has slice r at first or in the end; else rank r owns block r.
[[nodiscard]] constexpr bool has_slice_owners(OpKind kind) noexcept {
  return reduces_by_slices(kind) || kind == OpKind::kBroadcast;
}
// Each rank's input holds one block for every rank.
[[nodiscard]] constexpr bool has_block_per_rank(OpKind kind) noexcept {
  return kind == OpKind::kReduceScatter || kind == OpKind::kScatter || kind == OpKind::kAllToAll;
}
[[nodiscard]] constexpr bool comes_from_root(OpKind kind) noexcept {
  return kind == OpKind::kBroadcast || kind == OpKind::kScatter;
}
[[nodiscard]] constexpr bool goes_to_root(OpKind kind) noexcept {
  return kind == OpKind::kReduce || kind == OpKind::kGather;
}
[[nodiscard]] constexpr bool carries_data(OpKind kind) noexcept {
  return kind != OpKind::kBarrier && kind != OpKind::kAllocate;
}

[[nodiscard]] constexpr bool has_input(const Signature& signature, int rank) noexcept {
  if (comes_from_root(signature.kind)) return rank == signature.root;
  return signature.kind != OpKind::kReceive;
}
[[nodiscard]] constexpr bool has_output(const Signature& signature, int rank) noexcept {
  if (goes_to_root(signature.kind)) return rank == signature.root;
  if (signature.kind == OpKind::kBroadcast) return rank != signature.root;
  return signature.kind != OpKind::kSend;
}

// Elements of one block: of what goes from one rank to another, or of the whole buffer where all ranks hold the same.
[[nodiscard]] constexpr std::int64_t block_count(const Signature& signature, int ranks) noexcept {
  if (!carries_data(signature.kind)) return 0;
  return signature.kind == OpKind::kAllToAll ? signature.count / ranks : signature.count;
}
// Elements of a rank's input.
[[nodiscard]] constexpr std::int64_t input_count(const Signature& signature, int ranks) noexcept {
  return block_count(signature, ranks) * (has_block_per_rank(signature.kind) ? ranks : 1);
}

}  // namespace trireme::collectives
