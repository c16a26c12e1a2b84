#include "requests.h"

#include <algorithm>
#include <set>

#include "session.h"

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

Requests::~Requests() {
  if (done() || !is_mpi_running()) return;
  for (auto& request : requests_) {
    if (request == MPI_REQUEST_NULL) continue;
    MPI_Cancel(&request);
    MPI_Request_free(&request);
  }
}

MPI_Request& Requests::add(int peer) {
  if (done()) {
    requests_.clear();
    peers_.clear();
  }
  ++pending_;
  peers_.push_back(peer);
  return requests_.emplace_back(MPI_REQUEST_NULL);
}

void Requests::send(const void* data, std::size_t bytes, int peer, int tag) {
  for_each_piece(bytes, [&](std::size_t first, int length) {
    const auto* piece = static_cast<const std::byte*>(data) + first;
    check_mpi(MPI_Isend(piece, length, MPI_BYTE, peer, tag, comm_, &add(peer)), "MPI_Isend");
  });
}

void Requests::receive(void* data, std::size_t bytes, int peer, int tag) {
  for_each_piece(bytes, [&](std::size_t first, int length) {
    auto* piece = static_cast<std::byte*>(data) + first;
    check_mpi(MPI_Irecv(piece, length, MPI_BYTE, peer, tag, comm_, &add(peer)), "MPI_Irecv");
  });
}

bool Requests::advance() {
  if (done()) return false;
  completed_.resize(requests_.size());
  int count = 0;
  check_mpi(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, completed_.data(),
                         MPI_STATUSES_IGNORE),
            "MPI_Testsome");
  if (count == MPI_UNDEFINED || count == 0) return false;
  pending_ -= static_cast<std::size_t>(count);
  return true;
}

std::vector<int> Requests::peers() const {
  std::set<int> waiting;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] != MPI_REQUEST_NULL) waiting.insert(peers_[i]);
  }
  return {waiting.begin(), waiting.end()};
}

}  // namespace trireme::collectives
