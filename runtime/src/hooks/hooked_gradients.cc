#include "hooks/hooked_gradients.h"

#include <torch/torch.h>

#include "parallel/flat_memory.h"
#include "tensors/tensor_stream.h"

namespace trireme {
namespace {

class HookedGradients final : public GradientStore {
 public:
  HookedGradients(const std::vector<NamedParameter>& parameters, const std::vector<BucketLayout>& layouts,
                  collectives::Communicator& world, CommHook& hook, collectives::Timeout timeout)
      : hook_(hook), works_(layouts.size()) {
    std::vector<FlatPiece> pieces;
    for (const auto& layout : layouts)
      pieces.push_back({layout.elements, static_cast<at::ScalarType>(layout.gradient_kind)});
    const auto memory = allocate_flat(world, pieces);
    for (std::size_t k = 0; k < layouts.size(); ++k) {
      GradientBucket bucket{k, memory[k], {}};
      for (const auto& [parameter, offset, elements] : layouts[k].places) {
        const auto sizes = parameters[parameter].tensor.sizes();
        bucket.gradients.push_back({parameter, memory[k].narrow(0, offset, elements).view(sizes)});
      }
      buckets_.push_back(std::move(bucket));
    }
    hook_.prepare(buckets_, world, timeout);
  }

  [[nodiscard]] at::Tensor open(std::size_t bucket) override { return buckets_[bucket].values; }
  [[nodiscard]] bool keeps_gradients() const noexcept override { return true; }
  void post(std::size_t bucket) override {
    works_[bucket] = hook_.start(buckets_[bucket]);
    last_ = bucket;
  }
  void poll() override {
    if (last_ < works_.size() && works_[last_]) static_cast<void>(works_[last_]->done());
  }
  void wait(std::size_t bucket) override {
    if (works_[bucket]) wait_for(*works_[bucket], buckets_[bucket].values);
    hook_.finish(buckets_[bucket]);
  }
  [[nodiscard]] at::Tensor sums(std::size_t bucket) const override { return buckets_[bucket].values; }
  void forget() override {}

 private:
  CommHook& hook_;
  std::vector<GradientBucket> buckets_;
  std::vector<collectives::WorkPtr> works_;
  std::size_t last_ = SIZE_MAX;
};

}  // namespace

std::unique_ptr<GradientStore> make_hooked_gradients(const std::vector<NamedParameter>& parameters,
                                                     const std::vector<BucketLayout>& buckets,
                                                     collectives::Communicator& world, CommHook& hook,
                                                     collectives::Timeout timeout) {
  return std::make_unique<HookedGradients>(parameters, buckets, world, hook, timeout);
}

}  // namespace trireme
