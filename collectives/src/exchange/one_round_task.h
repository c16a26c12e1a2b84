#pragma once

#include "../transport.h"
#include "heads.h"
#include "pieces.h"

namespace trireme::collectives {

// Whether a collective is small enough for one round. The same on all ranks that called the same.
[[nodiscard]] bool fits_one_round(const Signature& signature, int ranks) noexcept;

// A small collective in one round: every rank sends every other what that one needs, in the message that also says what
// was called. Reductions send the whole input, and every rank reduces it in rank order: the same bits everywhere.
class OneRoundTask final : public Task {
 public:
  OneRoundTask(ExchangeGroup& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override;

 private:
  [[nodiscard]] Buffer outgoing(int peer) const;
  void deliver();
  void reduce();
  [[nodiscard]] Buffer incoming(int peer) const;

  ExchangeGroup& group_;
  const Operation operation_;
  const Pieces pieces_;
  Heads heads_;
  bool is_delivered_ = false;
};

}  // namespace trireme::collectives
