#include "mpi_messenger.h"

#include <algorithm>

#include "session.h"
#include "tags.h"

namespace trireme::collectives {
namespace {

constexpr std::size_t kLargestMessage = std::size_t{1} << 30;

template <typename Piece>
void for_each_piece(std::size_t bytes, Piece&& piece) {
  for (std::size_t first = 0; first < bytes; first += kLargestMessage) {
    piece(first, static_cast<int>(std::min(kLargestMessage, bytes - first)));
  }
}

}  // namespace

MpiMessenger::Channel MpiMessenger::channel_of(const Envelope& envelope) const {
  const bool is_callers = envelope.kind == MessageKind::kMessageHead || envelope.kind == MessageKind::kMessageBody;
  if (is_callers) return {messages_, envelope.tag};
  return {collectives_, tag_of_collective(envelope.kind, envelope.sequence)};
}

MPI_Request& MpiMessenger::add(int peer, Batch& batch) {
  batch.posted(peer);
  posted_.push_back({&batch, peer});
  return requests_.emplace_back(MPI_REQUEST_NULL);
}

void MpiMessenger::send(std::span<const std::byte> bytes, const Envelope& to, Batch& batch) {
  const auto [comm, tag] = channel_of(to);
  for_each_piece(bytes.size(), [&, comm = comm, tag = tag](std::size_t first, int length) {
    check_mpi(MPI_Isend(bytes.data() + first, length, MPI_BYTE, to.peer, tag, comm, &add(to.peer, batch)), "MPI_Isend");
  });
}

void MpiMessenger::receive(std::span<std::byte> bytes, const Envelope& from, Batch& batch) {
  const auto [comm, tag] = channel_of(from);
  for_each_piece(bytes.size(), [&, comm = comm, tag = tag](std::size_t first, int length) {
    check_mpi(MPI_Irecv(bytes.data() + first, length, MPI_BYTE, from.peer, tag, comm, &add(from.peer, batch)),
              "MPI_Irecv");
  });
}

bool MpiMessenger::progress() {
  if (requests_.empty()) return false;
  completed_.resize(requests_.size());
  int count = 0;
  check_mpi(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, completed_.data(),
                         MPI_STATUSES_IGNORE),
            "MPI_Testsome");
  if (count == MPI_UNDEFINED || count == 0) return false;
  for (int i = 0; i < count; ++i) {
    auto& [batch, peer] = posted_[static_cast<std::size_t>(completed_[static_cast<std::size_t>(i)])];
    batch->completed(peer);
    batch = nullptr;
  }
  drop_completed();
  return true;
}

void MpiMessenger::drop_completed() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < posted_.size(); ++i) {
    if (posted_[i].batch == nullptr) continue;
    requests_[kept] = requests_[i];
    posted_[kept++] = posted_[i];
  }
  requests_.resize(kept);
  posted_.resize(kept);
}

void MpiMessenger::cancel(const Batch& batch) noexcept {
  const bool can_cancel = is_mpi_running();
  for (std::size_t i = 0; i < posted_.size(); ++i) {
    if (posted_[i].batch != &batch) continue;
    posted_[i].batch = nullptr;
    if (!can_cancel || requests_[i] == MPI_REQUEST_NULL) continue;
    MPI_Cancel(&requests_[i]);
    MPI_Request_free(&requests_[i]);
  }
  drop_completed();
}

}  // namespace trireme::collectives
