#include "message_task.h"

#include <cstring>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

bool is_inline(const Signature& signature) { return signature.bytes() <= static_cast<std::int64_t>(kMostInlineBytes); }

std::vector<int> peer_of(const Operation& operation) { return {operation.signature.root}; }

}  // namespace

MessageSendTask::MessageSendTask(ExchangeGroup& group, const Operation& operation)
    : group_(group), operation_(operation), batch_(group.messenger()) {
  const auto& signature = operation_.signature;
  const auto& bytes = operation_.input;
  const auto sequence = group.next_sent(signature.root, operation.tag);
  const auto inlined = is_inline(signature) ? bytes.bytes() : 0;
  head_.emplace(group.scratch(), sizeof signature + inlined);
  std::memcpy(head_->data(), &signature, sizeof signature);
  if (inlined > 0) std::memcpy(head_->data() + sizeof signature, bytes.data, inlined);
  group.messenger().send({head_->data(), sizeof signature + inlined},
                         {signature.root, MessageKind::kMessageHead, operation.tag, sequence}, batch_);
  if (is_inline(signature)) return;
  group.messenger().send({static_cast<const std::byte*>(bytes.data), bytes.bytes()},
                         {signature.root, MessageKind::kMessageBody, operation.tag, sequence}, batch_);
}

Step MessageSendTask::advance() {
  const bool moved = group_.messenger().progress();
  if (batch_.done()) return Step::kFinished;
  return moved ? Step::kMoved : Step::kBlocked;
}

std::vector<int> MessageSendTask::missing() const { return peer_of(operation_); }

MessageReceiveTask::MessageReceiveTask(ExchangeGroup& group, const Operation& operation)
    : group_(group),
      operation_(operation),
      sequence_(group.next_received(operation.signature.root, operation.tag)),
      head_(group.scratch(), kHeadCapacity),
      batch_(group.messenger()) {
  group.messenger().receive({head_.data(), kHeadCapacity},
                            {operation.signature.root, MessageKind::kMessageHead, operation.tag, sequence_}, batch_);
}

Step MessageReceiveTask::advance() {
  bool moved = group_.messenger().progress();
  if (batch_.done() && !has_head_) {
    take_head();
    has_head_ = moved = true;
  }
  if (batch_.done()) return Step::kFinished;
  return moved ? Step::kMoved : Step::kBlocked;
}

std::vector<int> MessageReceiveTask::missing() const { return peer_of(operation_); }

void MessageReceiveTask::take_head() {
  const auto& wanted = operation_.signature;
  Signature sent;
  std::memcpy(&sent, head_.data(), sizeof sent);
  if (sent.count != wanted.count || sent.dtype != wanted.dtype) {
    throw MismatchError(message("rank {} called {} and rank {} called {}, both with tag {}", group_.rank(),
                                describe(wanted), wanted.root, describe(sent), operation_.tag));
  }
  const auto& target = operation_.output;
  if (is_inline(wanted)) {
    if (target.count > 0) std::memcpy(target.data, head_.data() + sizeof sent, target.bytes());
    return;
  }
  group_.messenger().receive({static_cast<std::byte*>(target.data), target.bytes()},
                             {wanted.root, MessageKind::kMessageBody, operation_.tag, sequence_}, batch_);
}

}  // namespace trireme::collectives
