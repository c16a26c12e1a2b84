#include "zero/shard_transfer.h"

#include <torch/torch.h>

#include "tensors/tensor_stream.h"
#include "trireme/runtime/as_buffer.h"

namespace trireme {
namespace {

using collectives::Communicator;
using collectives::WorkPtr;

at::Tensor block(const at::Tensor& flat, const Communicator& ranks) {
  const auto elements = flat.numel() / ranks.size();
  return flat.narrow(0, elements * ranks.rank(), elements);
}

WorkPtr scatter_sum(Communicator& ranks, const at::Tensor& flat, collectives::Timeout timeout) {
  return ranks.reduce_scatter(as_buffer(flat), as_buffer(block(flat, ranks)), reduce_behind(flat, timeout));
}

WorkPtr gather(Communicator& ranks, const at::Tensor& flat, collectives::Timeout timeout) {
  return ranks.all_gather(as_buffer(block(flat, ranks)), as_buffer(flat), move_behind(flat, timeout));
}

std::int64_t received(const Communicator& ranks, const at::Tensor& flat) {
  return static_cast<std::int64_t>(flat.nbytes()) / ranks.size() * (ranks.size() - 1);
}

}  // namespace

at::Tensor block_of(const at::Tensor& bucket, const ShardGroups& groups) {
  const auto elements = bucket.numel() / groups.shards;
  return bucket.narrow(0, elements * groups.shard, elements);
}

at::Tensor gather_blocks(const ShardGroups& groups, const at::Tensor& own, collectives::Timeout timeout) {
  const auto whole = at::empty({own.numel() * groups.shards}, own.options());
  block_of(whole, groups).copy_(own);
  if (groups.layout.across_shards) wait_for(*gather(*groups.across, block(whole, groups.first()), timeout), whole);
  wait_for(*gather(groups.first(), whole, timeout), whole);
  return whole;
}

ShardReduction::ShardReduction(const ShardGroups& groups, const at::Tensor& bucket, collectives::Timeout timeout)
    : groups_(&groups), bucket_(bucket), timeout_(timeout), first_(scatter_sum(groups.first(), bucket, timeout)) {}

void ShardReduction::start_second() {
  first_.reset();
  if (!groups_->across) return;
  const auto own = block(bucket_, groups_->first());
  second_ = groups_->layout.across_shards ? scatter_sum(*groups_->across, own, timeout_)
                                          : groups_->across->all_reduce(as_buffer(own), reduce_behind(own, timeout_));
}

void ShardReduction::advance() {
  if (first_ && first_->done()) start_second();
  if (second_) static_cast<void>(second_->done());
}

void ShardReduction::wait() {
  if (first_) {
    wait_for(*first_, bucket_);
    start_second();
  }
  if (second_) wait_for(*second_, bucket_);
  second_.reset();
}

ShardGather::ShardGather(const ShardGroups& groups, const at::Tensor& bucket, collectives::Timeout timeout)
    : bucket_(bucket) {
  auto& first = groups.first();
  if (groups.layout.shared && !groups.layout.across_shards) return;
  auto& ranks = groups.layout.shared ? *groups.across : first;
  const auto flat = groups.layout.shared ? block(bucket, first) : bucket;
  work_ = gather(ranks, flat, timeout);
  bytes_ = received(ranks, flat);
}

void ShardGather::wait() {
  if (work_) wait_for(*work_, bucket_);
  work_.reset();
}

}  // namespace trireme
