#include "exchange.h"

#include "exchange_task.h"
#include "message_task.h"
#include "one_round_task.h"

namespace trireme::collectives {

std::unique_ptr<Task> start_exchange(ExchangeGroup& group, const Operation& operation) {
  const auto& signature = operation.signature;
  if (signature.kind == OpKind::kSend) return std::make_unique<MessageSendTask>(group, operation);
  if (signature.kind == OpKind::kReceive) return std::make_unique<MessageReceiveTask>(group, operation);
  if (fits_one_round(signature, group.size())) return std::make_unique<OneRoundTask>(group, operation);
  return std::make_unique<ExchangeTask>(group, operation);
}

}  // namespace trireme::collectives
