#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "../transport.h"
#include "group.h"

// Point to point: messages are streams of bytes through the ring of a (from, to) pair, in the order they were sent.
namespace trireme::collectives {

// What precedes the bytes of a message.
struct MessageHeader {
  Signature sent;
  std::int32_t tag = 0;
  std::int32_t reserved = 0;
};

// What has arrived from one peer and was not received yet. A receive that waits for one tag takes messages of other
// tags off the ring and keeps them here.
class ChannelInbox {
 public:
  struct Message {
    MessageHeader header;
    std::vector<std::byte> bytes;
  };

  ChannelInbox(Group& group, int from) : group_(group), from_(from) {}
  // Takes off the ring what is there; true when anything was.
  bool drain();
  // The oldest complete message with this tag; null when there is none.
  [[nodiscard]] std::unique_ptr<Message> take(int tag);

 private:
  bool read(std::byte* into, std::size_t wanted, std::size_t& have);
  bool drain_header();

  Group& group_;
  const int from_;
  MessageHeader header_;
  std::size_t header_have_ = 0;
  std::unique_ptr<Message> incoming_;  // header complete, bytes not yet
  std::size_t incoming_have_ = 0;
  std::map<int, std::deque<std::unique_ptr<Message>>> complete_;  // by tag
};

// Done once the ring has taken all bytes, so a short message does not wait for its receiver.
class SendTask final : public Task {
 public:
  SendTask(Group& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return {operation_.signature.root}; }

 private:
  bool write(const std::byte* from, std::size_t bytes, std::size_t& done);

  Group& group_;
  const Operation operation_;
  const MessageHeader header_;
  std::size_t header_done_ = 0;
  std::size_t done_ = 0;
};

class ReceiveTask final : public Task {
 public:
  ReceiveTask(Group& group, ChannelInbox& inbox, const Operation& operation)
      : group_(group), inbox_(inbox), operation_(operation) {}
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return {operation_.signature.root}; }

 private:
  void accept(const ChannelInbox::Message& message) const;

  Group& group_;
  ChannelInbox& inbox_;
  const Operation operation_;
};

}  // namespace trireme::collectives
