#pragma once

#include <ATen/core/Tensor.h>

#include "trireme/collectives/communicator.h"
#include "zero/shard_groups.h"

namespace trireme {

// This rank's block of a flat bucket of groups.shards equal blocks.
[[nodiscard]] at::Tensor block_of(const at::Tensor& bucket, const ShardGroups& groups);

// Collective. A bucket in memory of its own, made of every rank's block.
[[nodiscard]] at::Tensor gather_blocks(const ShardGroups& groups, const at::Tensor& block,
                                       collectives::Timeout timeout);

// The sum of a bucket over all ranks, in place, that leaves a rank with its own block of it; the rest is scratch
// afterwards. Inside the node first, then between nodes.
class ShardReduction {
 public:
  ShardReduction() = default;
  // Posts. `bucket` stays alive and untouched until wait() has returned.
  ShardReduction(const ShardGroups& groups, const at::Tensor& bucket, collectives::Timeout timeout);
  // Posts what follows once the first part is done; never blocks. Reductions are advanced in the order made.
  void advance();
  void wait();
  // Never blocks.
  [[nodiscard]] bool done() {
    advance();
    return !first_ && (!second_ || second_->done());
  }

 private:
  void start_second();

  const ShardGroups* groups_ = nullptr;
  at::Tensor bucket_;
  collectives::Timeout timeout_{};
  collectives::WorkPtr first_;
  collectives::WorkPtr second_;
};

// Gives every rank (shared: every node) all blocks of a bucket whose own block each rank holds. In place.
class ShardGather {
 public:
  ShardGather() = default;
  // Posts, unless the blocks are already where they belong.
  ShardGather(const ShardGroups& groups, const at::Tensor& bucket, collectives::Timeout timeout);
  void wait();
  // What this rank received, or will.
  [[nodiscard]] std::int64_t bytes() const noexcept { return bytes_; }

 private:
  at::Tensor bucket_;
  collectives::WorkPtr work_;
  std::int64_t bytes_ = 0;
};

}  // namespace trireme
