#pragma once

#include <optional>

#include "../transport.h"
#include "heads.h"

// Point to point: each message is a head, with a signature and what is small, and then the bytes of large ones.
namespace trireme::collectives {

class MessageSendTask final : public Task {
 public:
  MessageSendTask(ExchangeGroup& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override;

 private:
  ExchangeGroup& group_;
  const Operation operation_;
  std::optional<Scratch> head_;
  Batch batch_;
};

class MessageReceiveTask final : public Task {
 public:
  MessageReceiveTask(ExchangeGroup& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override;

 private:
  void take_head();

  ExchangeGroup& group_;
  const Operation operation_;
  const std::uint64_t sequence_;
  const Scratch head_;
  bool has_head_ = false;
  Batch batch_;
};

}  // namespace trireme::collectives
