#include "inbox.h"

#include <algorithm>
#include <cstring>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

std::vector<Inbox::Message>::iterator Inbox::find(MessageKind kind, std::int32_t tag, std::uint64_t sequence) {
  return std::ranges::find_if(messages_, [&](const Message& message) {
    return message.sequence == sequence && message.tag == tag && message.kind == kind;
  });
}

void Inbox::receive(std::span<std::byte> target, const Envelope& from, Batch& batch) {
  if (target.empty()) return;
  batch.posted(peer_);
  ++wanted(from.kind);
  auto known = find(from.kind, from.tag, from.sequence);
  if (known == messages_.end()) {
    messages_.push_back(
        {.kind = from.kind, .tag = from.tag, .sequence = from.sequence, .target = target, .batch = &batch});
    return;
  }
  known->target = target;
  known->batch = &batch;
  check_total(*known, known->total);
  if (known->arrived == known->total) finish(known);
}

void Inbox::take(std::span<const std::byte> bytes, const Envelope& from) {
  if (bytes.empty()) return;
  auto message = find(from.kind, from.tag, from.sequence);
  if (message == messages_.end()) message = keep(from.kind, from.tag, from.sequence, bytes.size());
  check_total(*message, bytes.size());
  std::memcpy(message->kept ? message->kept.get() : message->target.data(), bytes.data(), bytes.size());
  message->arrived = bytes.size();
  if (message->batch != nullptr) finish(message);
}

std::vector<Inbox::Message>::iterator Inbox::keep(MessageKind kind, std::int32_t tag, std::uint64_t sequence,
                                                  std::size_t total) {
  messages_.push_back({.kind = kind, .tag = tag, .sequence = sequence});
  messages_.back().kept = std::make_unique_for_overwrite<std::byte[]>(total);
  return std::prev(messages_.end());
}

void Inbox::cancel(const Batch& batch) noexcept {
  for (auto& message : messages_) wanted(message.kind) -= message.batch == &batch ? 1 : 0;
  std::erase_if(messages_, [&](const Message& message) { return message.batch == &batch; });
}

void Inbox::check_total(Message& message, std::size_t total) const {
  if (message.total == 0) message.total = total;
  if (message.total == total && (message.batch == nullptr || total <= message.target.size())) return;
  throw CommError(trireme::message("tcp: rank {} sent a message of {} bytes where {} were expected", peer_, total,
                                   message.target.size()));
}

std::byte* Inbox::place(const FrameHeader& header) {
  auto known = find(header.kind, header.tag, header.sequence);
  if (known == messages_.end()) {
    if (wanted(header.kind) == 0) return nullptr;
    known = keep(header.kind, header.tag, header.sequence, header.total);
  }
  check_total(*known, header.total);
  return (known->kept ? known->kept.get() : known->target.data()) + header.offset;
}

void Inbox::arrived(const FrameHeader& header) {
  const auto message = find(header.kind, header.tag, header.sequence);
  message->arrived += header.length;
  if (message->arrived > message->total) {
    throw CommError(trireme::message("tcp: rank {} sent a part of a message of {} bytes twice", peer_, header.total));
  }
  if (message->batch != nullptr && message->arrived == message->total) finish(message);
}

void Inbox::finish(std::vector<Message>::iterator message) {
  if (message->kept) std::memcpy(message->target.data(), message->kept.get(), message->total);
  message->batch->completed(peer_);
  --wanted(message->kind);
  if (message != std::prev(messages_.end())) *message = std::move(messages_.back());
  messages_.pop_back();
}

}  // namespace trireme::collectives
