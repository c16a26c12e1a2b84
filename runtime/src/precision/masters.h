#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "parallel/bucket_plan.h"
#include "trireme/runtime/parameter_part.h"
#include "zero/shard_groups.h"

namespace trireme {

// The float32 copies of what this rank updates, where the model computes in a type of 2 bytes, or elsewhere. Optimizers
// change the masters, which are rounded into the model's parameters, so that updates smaller than a parameter's last
// bit add up.
class Masters {
 public:
  enum class Where {
    kBeside,  // on the device of the parameters, and only of types of 2 bytes
    kOnHost,  // of all
  };
  // One bucket after the other: its BucketLayout::kind says what its parameters compute in. `parameters` have the same
  // values on all ranks and are not rounded yet, so the masters begin with what the user gave; with zeros,
  // where that is deferred.
  Masters(const std::vector<NamedParameter>& parameters, const std::vector<BucketLayout>& buckets,
          const ShardGroups& groups, Where where);

  // False: the bucket's parameters are their own masters.
  [[nodiscard]] bool has(std::size_t bucket) const { return blocks_[bucket].defined(); }
  // This rank's block of the bucket. Always the same memory.
  [[nodiscard]] const at::Tensor& block(std::size_t bucket) const { return blocks_[bucket]; }
  // Of a part of this rank's shard.
  [[nodiscard]] at::Tensor elements(std::size_t bucket, const PartPlace& part) const;

 private:
  std::vector<at::Tensor> blocks_;  // by bucket
  int shard_ = 0;
};

}  // namespace trireme
