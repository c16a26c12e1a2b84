#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "trireme/collectives/communicator.h"

namespace trireme {

// Buffers of communicator memory that gathered units take turns in. Pages are kept, so that only the first use of a
// slot pays for them.
//
// take() may allocate, which is collective: every rank takes and gives back in the same order.
class SlotPool {
 public:
  SlotPool(collectives::Communicator& communicator, std::int64_t slot_bytes)
      : communicator_(communicator), slot_bytes_(slot_bytes) {}

  // A 1-D byte tensor of slot_bytes.
  [[nodiscard]] at::Tensor take();
  void give_back(at::Tensor slot) { free_.push_back(std::move(slot)); }

 private:
  collectives::Communicator& communicator_;
  const std::int64_t slot_bytes_;
  std::vector<at::Tensor> free_;
};

}  // namespace trireme
