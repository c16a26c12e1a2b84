#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../failure.h"
#include "../operation.h"
#include "mapping.h"

// What lies in the shared segment of a group: a control block, a slot for each rank, a channel for each ordered pair of
// ranks, and staging memory for each rank. Everything here is used by several processes at once; all synchronisation is
// by the orderings on the atomics.
namespace trireme::collectives {

inline constexpr std::size_t kCacheLine = 128;  // of 64 bytes, which processors fetch in pairs

// A rank enters a collective by writing what it called, and a few bytes that go along.
struct alignas(kCacheLine) Entry {
  static constexpr std::size_t kPayload = 88;
  std::atomic<std::uint64_t> sequence;  // written last
  std::int64_t count;
  std::uint64_t parent;
  std::int64_t parent_count;
  std::int32_t root;
  OpKind kind;
  Dtype dtype;
  ReduceOp op;
  std::uint8_t reserved;
  std::byte payload[kPayload];
};
static_assert(sizeof(Entry) == kCacheLine);

// A signature that others may read while it changes: good enough for reports, not for comparing.
class SharedSignature {
 public:
  void store(const Signature& signature) noexcept;
  [[nodiscard]] Signature load() const noexcept;

 private:
  std::atomic<std::uint64_t> sequence_;
  std::atomic<std::int64_t> count_;
  std::atomic<std::uint64_t> parent_;
  std::atomic<std::int64_t> parent_count_;
  std::atomic<std::uint64_t> rest_;
};

// Written by one rank (but for `claimed`), read by all. What is written in every operation shares no cache line with
// what others look at while they wait.
struct alignas(kCacheLine) RankSlot {
  // By parity of the sequence: an entry is rewritten only after all ranks have entered the collective in between.
  Entry entries[2];
  alignas(kCacheLine) std::atomic<std::uint64_t> step;      // steps after the entries that this rank has published
  std::atomic<std::uint64_t> answer;                        // what this rank says in a step that asks
  alignas(kCacheLine) std::atomic<std::uint64_t> claimed;   // pieces of this rank's slices that somebody has taken
  alignas(kCacheLine) std::atomic<std::uint32_t> has_left;  // it has destroyed its communicator
  std::atomic<std::int32_t> global_rank;
  alignas(kCacheLine) std::atomic<std::uint32_t> is_writing;  // it writes into memory of others at this moment
  std::atomic<std::uint64_t> finished;                        // sequence of its last finished collective
  SharedSignature current;                                    // the collective it is in, or was in last
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
  std::uint64_t quarter_bytes;                               // of staging; fixed by rank 0
  std::uint32_t shares_cores;                                // more ranks than cores; decided by rank 0
  alignas(kCacheLine) std::atomic<std::uint64_t> completed;  // pieces done, of all ranks and operations
  SharedFailure failure;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

// What rank 0 decides for the group.
struct SegmentShape {
  int ranks = 1;
  std::size_t quarter_bytes = 0;
  bool shares_cores = false;
};

// Finds the parts of a mapped segment.
class Segment {
 public:
  static constexpr int kQuarters = 4;

  [[nodiscard]] static std::size_t bytes_for(const SegmentShape& shape) noexcept;
  // Constructs the parts, in rank 0 and before anybody else maps it.
  static void prepare(Mapping& mapping, const SegmentShape& shape);

  // The part of `rank` in a segment that is prepared.
  [[nodiscard]] static RankSlot& slot(const Mapping& mapping, int rank) noexcept;

  Segment(MappingPtr mapping, int ranks) : mapping_(std::move(mapping)), ranks_(ranks) {}

  [[nodiscard]] ControlBlock& control() const noexcept;
  [[nodiscard]] RankSlot& slot(int rank) const noexcept;
  [[nodiscard]] Channel& channel(int from, int to) const noexcept;
  // Quarter 0 to 3 of the staging memory of `rank`.
  [[nodiscard]] std::byte* staging(int rank, int quarter) const noexcept;
  [[nodiscard]] std::size_t quarter_bytes() const noexcept { return control().quarter_bytes; }

 private:
  MappingPtr mapping_;  // shared with other threads that are ranks, and with works not yet done
  int ranks_;
};

}  // namespace trireme::collectives
