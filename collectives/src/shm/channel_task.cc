#include "channel_task.h"

#include <algorithm>
#include <cstring>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

// Bytes of the ring from `position` to its end, at most `wanted`.
std::size_t contiguous(std::uint64_t position, std::size_t wanted) {
  return std::min<std::size_t>(wanted, Channel::kBytes - position % Channel::kBytes);
}

}  // namespace

bool ChannelInbox::read(std::byte* into, std::size_t wanted, std::size_t& have) {
  auto& channel = group_.segment().channel(from_, group_.rank());
  const auto written = channel.written.load(std::memory_order_seq_cst);
  auto position = channel.read.load(std::memory_order_relaxed);
  const auto before = have;
  while (position < written && have < wanted) {
    const auto piece = contiguous(position, std::min<std::size_t>(written - position, wanted - have));
    std::memcpy(into + have, channel.ring + position % Channel::kBytes, piece);
    have += piece;
    position += piece;
  }
  if (have == before) return false;
  channel.read.store(position, std::memory_order_seq_cst);
  group_.notify();
  return true;
}

bool ChannelInbox::drain_header() {
  if (!read(reinterpret_cast<std::byte*>(&header_), sizeof header_, header_have_)) return false;
  if (header_have_ < sizeof header_) return true;
  incoming_ = std::make_unique<Message>();
  incoming_->header = header_;
  incoming_->bytes.resize(static_cast<std::size_t>(header_.sent.bytes()));
  header_have_ = 0;
  incoming_have_ = 0;
  return true;
}

bool ChannelInbox::drain() {
  bool moved = false;
  for (;;) {
    const bool got =
        incoming_ ? read(incoming_->bytes.data(), incoming_->bytes.size(), incoming_have_) : drain_header();
    if (incoming_ && incoming_have_ == incoming_->bytes.size()) {
      complete_[incoming_->header.tag].push_back(std::move(incoming_));
    }
    moved |= got;
    if (!got) return moved;
  }
}

std::unique_ptr<ChannelInbox::Message> ChannelInbox::take(int tag) {
  const auto queue = complete_.find(tag);
  if (queue == complete_.end()) return nullptr;
  auto message = std::move(queue->second.front());
  queue->second.pop_front();
  if (queue->second.empty()) complete_.erase(queue);
  return message;
}

SendTask::SendTask(Group& group, const Operation& operation)
    : group_(group), operation_(operation), header_{operation.signature, operation.tag, 0} {}

bool SendTask::write(const std::byte* from, std::size_t bytes, std::size_t& done) {
  auto& channel = group_.segment().channel(group_.rank(), operation_.signature.root);
  const auto read = channel.read.load(std::memory_order_seq_cst);
  auto position = channel.written.load(std::memory_order_relaxed);
  const auto before = done;
  while (done < bytes && position - read < Channel::kBytes) {
    const auto room = Channel::kBytes - static_cast<std::size_t>(position - read);
    const auto piece = contiguous(position, std::min(room, bytes - done));
    std::memcpy(channel.ring + position % Channel::kBytes, from + done, piece);
    done += piece;
    position += piece;
  }
  if (done == before) return false;
  channel.written.store(position, std::memory_order_seq_cst);
  group_.notify();
  return true;
}

Step SendTask::advance() {
  bool moved = write(reinterpret_cast<const std::byte*>(&header_), sizeof header_, header_done_);
  const auto bytes = operation_.input.bytes();
  if (header_done_ == sizeof header_)
    moved |= write(static_cast<const std::byte*>(operation_.input.data), bytes, done_);
  if (header_done_ == sizeof header_ && done_ == bytes) return Step::kFinished;
  if (!moved && group_.has_left(operation_.signature.root)) group_.fail_left(operation_.signature.root);
  return moved ? Step::kMoved : Step::kBlocked;
}

Step ReceiveTask::advance() {
  // Looked at before the ring: a peer that has left may have sent everything first.
  const bool peer_has_left = group_.has_left(operation_.signature.root);
  const bool moved = inbox_.drain();
  if (const auto message = inbox_.take(operation_.tag)) {
    accept(*message);
    return Step::kFinished;
  }
  if (!moved && peer_has_left) group_.fail_left(operation_.signature.root);
  return moved ? Step::kMoved : Step::kBlocked;
}

void ReceiveTask::accept(const ChannelInbox::Message& message) const {
  const auto& sent = message.header.sent;
  const auto& wanted = operation_.signature;
  if (sent.count != wanted.count || sent.dtype != wanted.dtype) {
    throw MismatchError(trireme::message("rank {} called {} and rank {} called {}, both with tag {}", group_.rank(),
                                         describe(wanted), wanted.root, describe(sent), operation_.tag));
  }
  if (!message.bytes.empty()) std::memcpy(operation_.output.data, message.bytes.data(), message.bytes.size());
}

}  // namespace trireme::collectives
