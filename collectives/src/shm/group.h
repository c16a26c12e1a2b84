#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "segment.h"

namespace trireme::collectives {

// One rank's end of a segment: entering collectives, publishing steps, claiming pieces of work, sleeping until
// something changes, and the failure that ends it for all.
//
// Threads: as Communicator; tell() may be called from any thread.
class Group {
 public:
  Group(Segment segment, int rank, int size);
  ~Group();  // peers that still need this rank learn that it has left
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }
  [[nodiscard]] bool shares_cores() const noexcept { return shares_cores_; }

  // Every collective begins with an entry, which carries up to Entry::kPayload bytes and makes visible what this rank
  // wrote before. Returns what peers will see of the payload, to be filled before calling enter().
  [[nodiscard]] std::byte* own_payload(std::uint64_t sequence) noexcept;
  void enter(const Signature& signature) noexcept;
  // True once all ranks have entered `sequence`, the collective this rank is in.
  [[nodiscard]] bool all_entered(std::uint64_t sequence) noexcept;
  [[nodiscard]] const std::byte* payload(int rank, std::uint64_t sequence) const noexcept;
  // Compares what all ranks called in the collective they are all in. Throws MismatchError.
  void compare(const Signature& signature) const;
  void finish(const Signature& signature) noexcept;

  // Later steps of a collective, of which every rank publishes the same number.
  void publish() noexcept;
  // True once all ranks have published as many steps as this one.
  [[nodiscard]] bool all_arrived() noexcept;
  // A step in which every rank says something; reads what they said once all have arrived.
  void publish_answer(std::uint64_t answer) noexcept;
  [[nodiscard]] std::uint64_t answer(int rank) const noexcept;

  // Pieces of work that any rank may do. Every rank knows how many pieces each slice of an operation has.
  void begin_claims(std::span<const std::uint32_t> pieces_by_slice);
  // The next piece of `slice` that nobody has; -1 when all are taken.
  [[nodiscard]] int claim(int slice) noexcept;
  void complete_piece() noexcept;
  [[nodiscard]] bool all_complete() const noexcept;

  // While this rank writes into memory of others. begin_write() throws once the group has failed, so that nobody begins
  // to write after a failure was told; see await_writers().
  void begin_write();
  void end_write() noexcept;
  // Waits a moment for ranks that are writing to stop; those that do not are stopped or gone themselves.
  [[nodiscard]] std::vector<int> await_writers() const noexcept;

  // The staging quarter of the next chunk: see Note [four quarters].
  [[nodiscard]] int next_quarter() noexcept { return static_cast<int>(chunks_++ % Segment::kQuarters); }
  [[nodiscard]] std::byte* staging(int rank, int quarter) const noexcept { return segment_.staging(rank, quarter); }

  // Wakes whoever sleeps; to be called after anything was published.
  void notify() noexcept;
  // Sleeps until notify() of any rank or a few milliseconds; not at all when `moved` finds something to do.
  void sleep(const std::function<bool()>& moved);

  // The first failure told wins.
  void tell(const Failure& failure) noexcept;
  void check_failure() const;
  [[nodiscard]] bool has_left(int rank) const noexcept;
  // Throws CommError if a rank that is awaited never will come, because it has destroyed its communicator.
  void check_left() const;
  [[noreturn]] void fail_left(int rank) const;
  // Ranks that the current step waits for.
  [[nodiscard]] std::vector<int> missing() const;
  [[nodiscard]] std::string standing(int rank) const;

 private:
  [[nodiscard]] bool is_awaited(int rank) const noexcept;

  const Segment segment_;
  const int rank_;
  const int size_;
  const bool shares_cores_;
  std::uint64_t entered_ = 0;  // sequence of the collective this rank is in
  std::uint64_t step_ = 0;
  std::uint64_t chunks_ = 0;
  int arrived_ = 0;  // ranks below have been seen to arrive at the current entry or step
  std::vector<std::uint64_t> claim_base_;
  std::vector<std::uint64_t> claim_end_;
  std::uint64_t completed_end_ = 0;
};

}  // namespace trireme::collectives
