#pragma once

#include "../transport.h"
#include "requests.h"

// Point to point: each message is a signature and then its bytes, both with the caller's tag.
namespace trireme::collectives {

class MpiSendTask final : public Task {
 public:
  MpiSendTask(MPI_Comm comm, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return requests_.peers(); }

 private:
  const Operation operation_;
  Requests requests_;
};

class MpiReceiveTask final : public Task {
 public:
  MpiReceiveTask(MPI_Comm comm, int rank, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return requests_.peers(); }

 private:
  void start_bytes();

  const int rank_;
  const Operation operation_;
  Signature sent_;
  Requests requests_;
  bool has_signature_ = false;
};

}  // namespace trireme::collectives
