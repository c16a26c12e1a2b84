#include "zero/slot_pool.h"

#include <torch/torch.h>

#include "parallel/flat_memory.h"

namespace trireme {

at::Tensor SlotPool::take() {
  if (free_.empty()) return allocate_flat(communicator_, {{slot_bytes_, at::kByte}}).front();
  auto slot = std::move(free_.back());
  free_.pop_back();
  return slot;
}

}  // namespace trireme
