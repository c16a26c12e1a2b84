#pragma once

#include <functional>
#include <string>
#include <vector>

#include "segment.h"

namespace trireme::collectives {

// One rank's end of a segment: publishing steps, seeing what others published, sleeping until something changes, and
// the failure that ends it for all.
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

  // Collectives. Every rank publishes the same number of steps in each.
  void enter(const Signature& signature) noexcept;
  void finish(const Signature& signature) noexcept;
  // Makes what this rank wrote visible to whoever sees the step arrive.
  void publish() noexcept;
  // True once all ranks have published as many steps as this one.
  [[nodiscard]] bool all_arrived() const noexcept;
  [[nodiscard]] std::vector<int> missing() const;
  // Compares what all ranks called in the collective they are all in. Throws MismatchError.
  void compare(const Signature& signature) const;
  // The staging half of the next chunk. A rank that fills half h has seen all ranks publish a step after they read
  // the previous content of h: see Note [two halves].
  [[nodiscard]] int next_half() noexcept { return static_cast<int>(chunks_++ % 2); }
  [[nodiscard]] std::byte* staging(int rank, int half) const noexcept { return segment_.staging(rank, half); }

  // Wakes whoever sleeps; to be called after anything was published.
  void notify() noexcept;
  // Sleeps until notify() of any rank or a few milliseconds; not at all when `moved` finds something to do.
  void sleep(const std::function<bool()>& moved);

  // The first failure told wins.
  void tell(const Failure& failure) noexcept;
  void check_failure() const;
  [[nodiscard]] bool has_left(int rank) const noexcept;
  // Throws CommError if a rank that has not arrived never will, because it has destroyed its communicator.
  void check_left() const;
  [[noreturn]] void fail_left(int rank) const;
  [[nodiscard]] std::string standing(int rank) const;

 private:
  [[nodiscard]] bool has_arrived(int rank) const noexcept;

  const Segment segment_;
  const int rank_;
  const int size_;
  std::uint64_t tick_ = 0;
  std::uint64_t chunks_ = 0;
};

}  // namespace trireme::collectives
