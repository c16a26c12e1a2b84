#pragma once

#include <mpi.h>

#include <vector>

#include "../exchange/messenger.h"

namespace trireme::collectives {

// Messages as MPI requests. What is cancelled may still be read or written by MPI: see MpiTransport.
class MpiMessenger final : public Messenger {
 public:
  // `collectives` and `messages` have the same ranks and are not owned.
  MpiMessenger(MPI_Comm collectives, MPI_Comm messages, int rank, int size)
      : collectives_(collectives), messages_(messages), rank_(rank), size_(size) {}
  MpiMessenger(const MpiMessenger&) = delete;
  MpiMessenger& operator=(const MpiMessenger&) = delete;

  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return size_; }
  // Any size, in pieces that MPI's int can count.
  void send(std::span<const std::byte> bytes, const Envelope& to, Batch& batch) override;
  void receive(std::span<std::byte> bytes, const Envelope& from, Batch& batch) override;
  bool progress() override;
  void cancel(const Batch& batch) noexcept override;

 private:
  struct Posted {
    Batch* batch;
    int peer;
  };
  struct Channel {
    MPI_Comm comm;
    int tag;
  };
  [[nodiscard]] Channel channel_of(const Envelope& envelope) const;
  MPI_Request& add(int peer, Batch& batch);
  void drop_completed();

  const MPI_Comm collectives_;
  const MPI_Comm messages_;
  const int rank_;
  const int size_;
  std::vector<MPI_Request> requests_;
  std::vector<Posted> posted_;  // of each request
  std::vector<int> completed_;  // scratch of progress()
};

}  // namespace trireme::collectives
