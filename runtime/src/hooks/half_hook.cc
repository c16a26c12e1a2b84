#include <torch/torch.h>

#include "parallel/flat_memory.h"
#include "tensors/tensor_stream.h"
#include "trireme/runtime/as_buffer.h"
#include "trireme/runtime/comm_hook.h"

namespace trireme {
namespace {

class HalfHook final : public CommHook {
 public:
  explicit HalfHook(at::ScalarType dtype) : dtype_(dtype) {}

  void prepare(const std::vector<GradientBucket>& buckets, collectives::Communicator& world,
               collectives::Timeout timeout) override {
    world_ = &world;
    timeout_ = timeout;
    std::vector<FlatPiece> pieces;
    for (const auto& bucket : buckets) pieces.push_back({bucket.values.numel(), dtype_});
    wires_ = allocate_flat(world, pieces);
  }
  [[nodiscard]] collectives::WorkPtr start(const GradientBucket& bucket) override {
    const auto& wire = wires_[bucket.index];
    wire.copy_(bucket.values);
    return world_->all_reduce(as_buffer(wire), reduce_behind(wire, timeout_));
  }
  void finish(const GradientBucket& bucket) override { bucket.values.copy_(wires_[bucket.index]); }

 private:
  const at::ScalarType dtype_;
  collectives::Communicator* world_ = nullptr;
  collectives::Timeout timeout_{};
  std::vector<at::Tensor> wires_;  // by bucket
};

}  // namespace

std::shared_ptr<CommHook> make_bf16_hook() { return std::make_shared<HalfHook>(at::kBFloat16); }
std::shared_ptr<CommHook> make_fp16_hook() { return std::make_shared<HalfHook>(at::kHalf); }

}  // namespace trireme
