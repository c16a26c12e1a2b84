#include "failure_channel.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "session.h"
#include "tags.h"

namespace trireme::collectives {

FailureChannel::FailureChannel(MPI_Comm comm, int rank, int size) : comm_(comm), rank_(rank), size_(size) {
  static_assert(std::is_trivially_copyable_v<Packet>);
  check_mpi(MPI_Irecv(&incoming_, sizeof incoming_, MPI_BYTE, MPI_ANY_SOURCE, kFailureTag, comm_, &receiving_),
            "MPI_Irecv");
}

FailureChannel::~FailureChannel() {
  if (receiving_ == MPI_REQUEST_NULL || !is_mpi_running()) return;
  MPI_Cancel(&receiving_);
  MPI_Wait(&receiving_, MPI_STATUS_IGNORE);
}

std::optional<Failure> FailureChannel::heard() {
  int done = 0;
  if (receiving_ == MPI_REQUEST_NULL) return std::nullopt;
  check_mpi(MPI_Test(&receiving_, &done, MPI_STATUS_IGNORE), "MPI_Test");
  if (done == 0) return std::nullopt;
  is_over_ = true;
  return Failure{incoming_.kind, incoming_.lost_rank, incoming_.text.data()};
}

void FailureChannel::tell(const Failure& failure) noexcept {
  note_mpi_failure();
  if (is_over_) return;
  is_over_ = true;
  outgoing_.kind = failure.kind;
  outgoing_.lost_rank = failure.lost_rank;
  std::memcpy(outgoing_.text.data(), failure.text.data(), std::min(failure.text.size(), outgoing_.text.size() - 1));
  for (int peer = 0; peer < size_; ++peer) {
    MPI_Request sending = MPI_REQUEST_NULL;
    if (peer == rank_) continue;
    if (MPI_Isend(&outgoing_, sizeof outgoing_, MPI_BYTE, peer, kFailureTag, comm_, &sending) == MPI_SUCCESS) {
      MPI_Request_free(&sending);
    }
  }
}

}  // namespace trireme::collectives
