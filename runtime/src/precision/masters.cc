#include "precision/masters.h"

#include <torch/torch.h>

#include "deferred/deferred_values.h"

namespace trireme {

Masters::Masters(const std::vector<NamedParameter>& parameters, const std::vector<BucketLayout>& buckets,
                 const ShardGroups& groups, Where where)
    : blocks_(buckets.size()), shard_(groups.shard) {
  at::NoGradGuard no_grad;
  for (std::size_t k = 0; k < buckets.size(); ++k) {
    if (where == Where::kBeside && !at::isReducedFloatingType(static_cast<at::ScalarType>(buckets[k].kind))) continue;
    const auto& first = parameters[buckets[k].places.front().item].tensor;
    const auto device = where == Where::kOnHost ? c10::Device(at::kCPU) : first.device();
    blocks_[k] = at::zeros({buckets[k].elements / groups.shards}, at::TensorOptions(device).dtype(at::kFloat));
    for (const auto& part : parts_of_shard(buckets[k], groups.shards, groups.shard)) {
      if (!has_memory(parameters[part.item].tensor)) continue;
      const auto whole = parameters[part.item].tensor.detach().view(-1);
      elements(k, part).copy_(whole.narrow(0, part.item_offset, part.elements));
    }
  }
}

at::Tensor Masters::elements(std::size_t bucket, const PartPlace& part) const {
  const auto& block = blocks_[bucket];
  return block.narrow(0, part.bucket_offset - block.numel() * shard_, part.elements);
}

}  // namespace trireme
