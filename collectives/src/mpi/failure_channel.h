#pragma once

#include <mpi.h>

#include <array>
#include <optional>
#include <string>

#include "../failure.h"

namespace trireme::collectives {

// How ranks tell each other why they gave up: a receive from anybody stands ready from the beginning.
class FailureChannel {
 public:
  FailureChannel(MPI_Comm comm, int rank, int size);
  ~FailureChannel();
  FailureChannel(const FailureChannel&) = delete;
  FailureChannel& operator=(const FailureChannel&) = delete;

  // Makes progress; what a peer has told.
  [[nodiscard]] std::optional<Failure> heard();
  // Tells every peer, once, and only what no peer has told before. Does not wait.
  void tell(const Failure& failure) noexcept;
  // A failure was heard or told.
  [[nodiscard]] bool is_over() const noexcept { return is_over_; }

 private:
  struct Packet {
    FailureKind kind = FailureKind::kCommunication;
    int lost_rank = -1;
    std::array<char, 2040> text = {};  // small enough that MPI sends it without waiting for the receiver
  };

  const MPI_Comm comm_;
  const int rank_;
  const int size_;
  MPI_Request receiving_ = MPI_REQUEST_NULL;
  Packet incoming_;
  Packet outgoing_;
  bool is_over_ = false;
};

}  // namespace trireme::collectives
