#pragma once

#include "measurement.h"

namespace trireme::bench {

// The memory of one operation on one rank, its producer and its check.
class ExchangeBuffers {
 public:
  // Collective.
  ExchangeBuffers(System& system, const Request& request, int rank, int ranks);

  [[nodiscard]] const Exchange& exchange() const noexcept { return exchange_; }
  // Rewrites what this rank contributes.
  void produce(std::int64_t iteration);
  // Elements of this rank's output that are not what the contributions lead to.
  [[nodiscard]] std::int64_t count_wrong(std::int64_t iteration) const;

 private:
  [[nodiscard]] std::int64_t count_wrong_blocks(std::int64_t first, std::int64_t iteration) const;

  Region first_;
  Region second_;
  Exchange exchange_;
  int rank_;
  int ranks_;
};

}  // namespace trireme::bench
