#include "parallel/gradient_store.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "parallel/flat_memory.h"
#include "tensors/tensor_stream.h"
#include "trireme/runtime/as_buffer.h"
#include "zero/shard_transfer.h"

namespace trireme {
namespace {

at::ScalarType gradient_dtype(const BucketLayout& bucket) { return static_cast<at::ScalarType>(bucket.gradient_kind); }

std::vector<FlatPiece> whole_buckets(const std::vector<BucketLayout>& buckets) {
  std::vector<FlatPiece> pieces;
  for (const auto& bucket : buckets) pieces.push_back({bucket.elements, gradient_dtype(bucket)});
  return pieces;
}

// Plain data parallel: every rank has every gradient, and every sum.
class WholeGradients final : public GradientStore {
 public:
  WholeGradients(const std::vector<BucketLayout>& buckets, const ShardGroups& groups, collectives::Timeout timeout)
      : world_(*groups.world),
        timeout_(timeout),
        values_(allocate_flat(world_, whole_buckets(buckets))),
        works_(values_.size()) {}

  [[nodiscard]] at::Tensor open(std::size_t bucket) override { return values_[bucket]; }
  [[nodiscard]] bool keeps_gradients() const noexcept override { return true; }
  void post(std::size_t bucket) override {
    works_[bucket] = world_.all_reduce(as_buffer(values_[bucket]), reduce_behind(values_[bucket], timeout_));
    last_ = bucket;
  }
  void poll() override {
    if (last_ < works_.size() && works_[last_]) static_cast<void>(works_[last_]->done());
  }
  void wait(std::size_t bucket) override { wait_for(*works_[bucket], values_[bucket]); }
  [[nodiscard]] at::Tensor sums(std::size_t bucket) const override { return values_[bucket]; }
  void forget() override {}

 private:
  collectives::Communicator& world_;
  const collectives::Timeout timeout_;
  std::vector<at::Tensor> values_;
  std::vector<collectives::WorkPtr> works_;
  std::size_t last_ = SIZE_MAX;
};

// ZeRO 1: every rank has every gradient, and the sums of its blocks.
class ScatteredGradients final : public GradientStore {
 public:
  ScatteredGradients(const std::vector<BucketLayout>& buckets, const ShardGroups& groups, collectives::Timeout timeout)
      : groups_(groups),
        timeout_(timeout),
        values_(allocate_flat(groups.first(), whole_buckets(buckets))),
        reductions_(values_.size()) {}

  [[nodiscard]] at::Tensor open(std::size_t bucket) override { return values_[bucket]; }
  [[nodiscard]] bool keeps_gradients() const noexcept override { return true; }
  void post(std::size_t bucket) override { reductions_[bucket] = ShardReduction(groups_, values_[bucket], timeout_); }
  void poll() override {
    for (auto& reduction : reductions_) reduction.advance();
  }
  void wait(std::size_t bucket) override { reductions_[bucket].wait(); }
  [[nodiscard]] at::Tensor sums(std::size_t bucket) const override { return block_of(values_[bucket], groups_); }
  void forget() override {}

 private:
  const ShardGroups& groups_;
  const collectives::Timeout timeout_;
  std::vector<at::Tensor> values_;
  std::vector<ShardReduction> reductions_;
};

// ZeRO 2 and 3: gradients pass through a few buffers, and only the sums of this rank's blocks stay.
class PooledGradients final : public GradientStore {
 public:
  PooledGradients(const std::vector<BucketLayout>& buckets, const ShardGroups& groups, collectives::Timeout timeout,
                  std::function<void()> poll_gathers)
      : groups_(groups),
        timeout_(timeout),
        poll_gathers_(std::move(poll_gathers)),
        layouts_(buckets),
        reductions_(buckets.size()),
        opened_(buckets.size()) {
    std::int64_t most = 0;
    std::vector<FlatPiece> blocks;
    for (const auto& [elements, dtype] : whole_buckets(buckets)) {
      most = std::max(most, elements * static_cast<std::int64_t>(at::elementSize(dtype)));
      blocks.push_back({elements / groups.shards, dtype});
    }
    for (auto& bytes : allocate_flat(groups.first(), std::vector<FlatPiece>(kBuffers, {most, at::kByte}))) {
      free_.push_back(std::move(bytes));
    }
    for (const auto& [elements, dtype] : blocks)
      sums_.push_back(at::zeros({elements}, free_.front().options().dtype(dtype)));
    is_fresh_.assign(buckets.size(), true);
  }

  [[nodiscard]] at::Tensor open(std::size_t bucket) override {
    if (!opened_[bucket].values.defined()) lend_buffer(bucket);
    return opened_[bucket].values;
  }
  [[nodiscard]] bool keeps_gradients() const noexcept override { return false; }
  void post(std::size_t bucket) override {
    reductions_[bucket] = ShardReduction(groups_, opened_[bucket].values, timeout_);
    posted_.push_back(bucket);
  }
  void poll() override {
    for (const auto bucket : posted_) reductions_[bucket].advance();
  }
  void wait(std::size_t bucket) override {
    while (std::find(posted_.begin(), posted_.end(), bucket) != posted_.end()) finish_oldest();
  }
  [[nodiscard]] at::Tensor sums(std::size_t bucket) const override { return sums_[bucket]; }
  void forget() override { is_fresh_.assign(is_fresh_.size(), true); }

 private:
  // One that fills, one on its way, and one for a bucket whose gradients come early.
  static constexpr std::size_t kBuffers = 3;
  static constexpr std::chrono::milliseconds kPatience{1000};
  static constexpr std::chrono::milliseconds kPatienceOnceStuck{10};

  struct Opened {
    at::Tensor values;
    at::Tensor buffer;  // what `values` is a view of; undefined when it has memory of its own
  };

  // Buckets may fill in another order than they are posted in, which differs between ranks. So a bucket that comes when
  // all buffers are filling gets memory of its own for this once, instead of waiting for ever.
  void lend_buffer(std::size_t bucket) {
    const auto& layout = layouts_[bucket];
    const auto dtype = gradient_dtype(layout);
    if (free_.empty() && !posted_.empty() && may_finish_oldest()) finish_oldest();
    auto& opened = opened_[bucket];
    if (free_.empty()) {
      opened = {at::empty({layout.elements}, sums_.front().options().dtype(dtype)), {}};
      return;
    }
    opened.buffer = std::move(free_.back());
    free_.pop_back();
    const auto bytes = layout.elements * static_cast<std::int64_t>(at::elementSize(dtype));
    opened.values = opened.buffer.narrow(0, 0, bytes).view(dtype);
  }

  // Where units are gathered between the buckets, a rank that leaves out parameters posts its buckets late, and cannot
  // post them at all while it waits for this rank to gather. So this one helps with what it has posted, and gives up
  // after a while, because the gather that the other waits for may be one that it has not posted yet. Who is only slow
  // is waited for: memory lent to every bucket would be that of all gradients. What happened once will happen again.
  [[nodiscard]] bool may_finish_oldest() {
    if (!poll_gathers_) return true;
    const auto patience = std::chrono::steady_clock::now() + patience_;
    auto& reduction = reductions_[posted_.front()];
    while (!reduction.done()) {
      if (std::chrono::steady_clock::now() > patience) {
        patience_ = kPatienceOnceStuck;
        return false;
      }
      poll_gathers_();
      std::this_thread::yield();
    }
    return true;
  }

  void finish_oldest() {
    const auto bucket = posted_.front();
    posted_.erase(posted_.begin());
    reductions_[bucket].wait();
    auto& opened = opened_[bucket];
    const auto block = block_of(opened.values, groups_);
    is_fresh_[bucket] ? sums_[bucket].copy_(block) : sums_[bucket].add_(block);
    is_fresh_[bucket] = false;
    if (opened.buffer.defined()) free_.push_back(std::move(opened.buffer));
    opened = {};
  }

  const ShardGroups& groups_;
  const collectives::Timeout timeout_;
  const std::function<void()> poll_gathers_;
  std::chrono::milliseconds patience_ = kPatience;
  const std::vector<BucketLayout> layouts_;
  std::vector<at::Tensor> sums_;
  std::vector<ShardReduction> reductions_;
  std::vector<Opened> opened_;
  std::vector<at::Tensor> free_;
  std::vector<std::size_t> posted_;  // and not finished, in order
  std::vector<bool> is_fresh_;       // nothing of this step is in sums_
};

}  // namespace

std::unique_ptr<GradientStore> make_gradient_store(const std::vector<BucketLayout>& buckets, const ShardGroups& groups,
                                                   const GradientStoreOptions& options) {
  switch (options.zero) {
    case Zero::kOff:
      return std::make_unique<WholeGradients>(buckets, groups, options.timeout);
    case Zero::kOptimizer:
      return std::make_unique<ScatteredGradients>(buckets, groups, options.timeout);
    case Zero::kGradients:
      return std::make_unique<PooledGradients>(buckets, groups, options.timeout, nullptr);
    default:
      return std::make_unique<PooledGradients>(buckets, groups, options.timeout, options.poll_gathers);
  }
}

}  // namespace trireme
