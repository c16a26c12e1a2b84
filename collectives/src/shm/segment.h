#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../failure.h"
#include "../operation.h"
#include "mapping.h"

// What lies in the shared segment of a group: a control block, a channel for each ordered pair of ranks, and two
// staging halves for each rank. Everything here is used by several processes at once; all synchronisation is by the
// orderings on the atomics.
namespace trireme::collectives {

inline constexpr std::size_t kCacheLine = 64;

// A signature that others may read while it changes: good enough for reports, not for comparing.
class SharedSignature {
 public:
  void store(const Signature& signature) noexcept;
  [[nodiscard]] Signature load() const noexcept;

 private:
  std::atomic<std::uint64_t> sequence_;
  std::atomic<std::int64_t> count_;
  std::atomic<std::uint64_t> rest_;
};

// Written by one rank, read by all.
struct alignas(kCacheLine) RankSlot {
  std::atomic<std::uint64_t> tick;      // steps that this rank has published
  std::atomic<std::uint64_t> finished;  // sequence of its last finished collective
  std::atomic<std::uint32_t> has_left;  // it has destroyed its communicator
  std::atomic<std::int32_t> global_rank;
  SharedSignature current;  // the collective it is in, or was in last
  // What it called, by parity of the sequence: an entry is rewritten only after all ranks have compared it.
  Signature called[2];
};

// The first failure of the group, told to all. Written once, by whoever claims it.
struct alignas(kCacheLine) SharedFailure {
  enum State : std::uint32_t { kNone, kClaimed, kTold };
  std::atomic<std::uint32_t> state;
  FailureKind kind;
  std::int32_t lost_rank;
  char text[2048];
};

// A ring of bytes from one rank to another.
struct alignas(kCacheLine) Channel {
  static constexpr std::size_t kBytes = std::size_t{64} << 10;
  std::atomic<std::uint64_t> written;
  alignas(kCacheLine) std::atomic<std::uint64_t> read;
  alignas(kCacheLine) std::byte ring[kBytes];
};

struct alignas(kCacheLine) ControlBlock {
  std::atomic<std::uint32_t> bell;  // a futex: changes when somebody sleeps and anything was published
  std::atomic<std::uint32_t> sleepers;
  std::uint64_t half_bytes;  // of staging; fixed by rank 0
  SharedFailure failure;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

// Finds the parts of a mapped segment.
class Segment {
 public:
  // Bytes of a segment for `ranks` ranks.
  [[nodiscard]] static std::size_t bytes_for(int ranks, std::size_t half_bytes) noexcept;
  // Constructs the parts, in rank 0 and before anybody else maps it.
  static void prepare(Mapping& mapping, int ranks, std::size_t half_bytes);

  Segment(MappingPtr mapping, int ranks) : mapping_(std::move(mapping)), ranks_(ranks) {}

  [[nodiscard]] ControlBlock& control() const noexcept;
  [[nodiscard]] RankSlot& slot(int rank) const noexcept;
  [[nodiscard]] Channel& channel(int from, int to) const noexcept;
  // Half 0 or 1 of the staging area of `rank`.
  [[nodiscard]] std::byte* staging(int rank, int half) const noexcept;
  [[nodiscard]] std::size_t half_bytes() const noexcept { return control().half_bytes; }

 private:
  MappingPtr mapping_;  // shared with other threads that are ranks, and with works not yet done
  int ranks_;
};

}  // namespace trireme::collectives
