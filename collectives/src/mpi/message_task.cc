#include "message_task.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

MpiSendTask::MpiSendTask(MPI_Comm comm, const Operation& operation) : operation_(operation), requests_(comm) {
  const int peer = operation_.signature.root;
  requests_.send(&operation_.signature, sizeof(Signature), peer, operation_.tag);
  requests_.send(operation_.input.data, operation_.input.bytes(), peer, operation_.tag);
}

Step MpiSendTask::advance() {
  const bool moved = requests_.advance();
  if (requests_.done()) return Step::kFinished;
  return moved ? Step::kMoved : Step::kBlocked;
}

MpiReceiveTask::MpiReceiveTask(MPI_Comm comm, int rank, const Operation& operation)
    : rank_(rank), operation_(operation), requests_(comm) {
  requests_.receive(&sent_, sizeof sent_, operation_.signature.root, operation_.tag);
}

Step MpiReceiveTask::advance() {
  const bool moved = requests_.advance();
  if (!requests_.done()) return moved ? Step::kMoved : Step::kBlocked;
  if (has_signature_) return Step::kFinished;
  has_signature_ = true;
  start_bytes();
  return requests_.done() ? Step::kFinished : Step::kMoved;
}

void MpiReceiveTask::start_bytes() {
  const auto& wanted = operation_.signature;
  if (sent_.count != wanted.count || sent_.dtype != wanted.dtype) {
    throw MismatchError(message("rank {} called {} and rank {} called {}, both with tag {}", rank_, describe(wanted),
                                wanted.root, describe(sent_), operation_.tag));
  }
  requests_.receive(operation_.output.data, operation_.output.bytes(), wanted.root, operation_.tag);
}

}  // namespace trireme::collectives
