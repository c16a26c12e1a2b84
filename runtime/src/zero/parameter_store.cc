#include "zero/parameter_store.h"

#include <torch/torch.h>

#include <optional>

#include "deferred/deferred_values.h"
#include "parallel/flat_memory.h"
#include "zero/shard_transfer.h"
#include "zero/write_guard.h"

namespace trireme {
namespace {

class ReplicatedParameters final : public ParameterStore {
 public:
  explicit ReplicatedParameters(const ParameterStoreInput& input)
      : parameters_(*input.parameters), buckets_(*input.buckets) {}

  [[nodiscard]] at::Tensor elements(std::size_t, const PartPlace& part) override {
    return parameters_[part.item].tensor.detach().view(-1).narrow(0, part.item_offset, part.elements);
  }
  [[nodiscard]] at::Tensor whole(std::size_t bucket) override {
    const auto& layout = buckets_[bucket];
    const auto copy = at::empty({layout.elements}, parameters_[layout.places.front().item].tensor.options());
    for (const auto& place : layout.places) {
      copy.narrow(0, place.offset, place.elements).copy_(parameters_[place.item].tensor.detach().view(-1));
    }
    return copy;
  }
  void publish(std::size_t) override {}
  void settle() override { bump_versions(parameters_); }
  [[nodiscard]] std::int64_t gathered_bytes() const noexcept override { return 0; }

 private:
  const std::vector<NamedParameter>& parameters_;
  const std::vector<BucketLayout>& buckets_;
};

class FlatParameters final : public ParameterStore {
 public:
  explicit FlatParameters(const ParameterStoreInput& input)
      : parameters_(*input.parameters), groups_(*input.groups), timeout_(input.timeout) {
    std::vector<FlatPiece> pieces;
    for (const auto& bucket : *input.buckets) {
      const auto& first = parameters_[bucket.places.front().item].tensor;
      pieces.push_back({bucket.elements, first.scalar_type()});
    }
    const bool shares = groups_.layout.shared;
    flats_ = shares ? allocate_shared(*groups_.node, pieces) : allocate_flat(groups_.first(), pieces);
    gathers_.resize(flats_.size());
    for (std::size_t k = 0; k < flats_.size(); ++k) move_in((*input.buckets)[k], flats_[k]);
    if (shares) groups_.node->barrier({.timeout = timeout_});
    if (input.guard_parameters && flats_.front().is_cpu()) guard(*input.buckets);
  }

  [[nodiscard]] at::Tensor elements(std::size_t bucket, const PartPlace& part) override {
    return flats_[bucket].narrow(0, part.bucket_offset, part.elements);
  }
  [[nodiscard]] at::Tensor whole(std::size_t bucket) override { return flats_[bucket].clone(); }
  void begin_writes() override {
    if (guard_) guard_->open();
  }
  void publish(std::size_t bucket) override {
    gathers_[bucket] = ShardGather(groups_, flats_[bucket], timeout_);
    gathered_bytes_ += gathers_[bucket].bytes();
  }
  void settle() override {
    for (std::size_t k = 0; k < gathers_.size(); ++k) {
      if (gathers_[k].bytes() > 0) note(TraceEvent::kGatherBegin, k);
      gathers_[k].wait();
      if (gathers_[k].bytes() > 0) note(TraceEvent::kGatherEnd, k);
    }
    if (groups_.layout.shared) groups_.node->barrier({.timeout = timeout_});
    if (guard_) guard_->close();
    bump_versions(parameters_);
  }
  [[nodiscard]] std::int64_t gathered_bytes() const noexcept override { return gathered_bytes_; }

 private:
  // One parameter after the other, so that at most one is there twice.
  void move_in(const BucketLayout& bucket, const at::Tensor& flat) {
    at::NoGradGuard no_grad;
    const bool writes = !groups_.layout.shared || groups_.node->rank() == 0;
    for (const auto& place : bucket.places) {
      auto tensor = parameters_[place.item].tensor;
      const auto home = flat.narrow(0, place.offset, place.elements).view(tensor.sizes());
      if (writes && has_memory(tensor)) home.copy_(tensor.detach());
      tensor.set_data(home);
    }
  }

  void guard(const std::vector<BucketLayout>& buckets) {
    std::vector<std::pair<std::string, at::Tensor>> names;
    for (const auto& bucket : buckets) {
      for (const auto& place : bucket.places) {
        names.emplace_back(parameters_[place.item].name, parameters_[place.item].tensor.detach());
      }
    }
    guard_.emplace(flats_, std::move(names));
    guard_->close();
  }

  const std::vector<NamedParameter>& parameters_;
  const ShardGroups& groups_;
  const collectives::Timeout timeout_;
  std::vector<at::Tensor> flats_;
  std::optional<WriteGuard> guard_;
  std::vector<ShardGather> gathers_;
  std::int64_t gathered_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ParameterStore> make_replicated_parameters(const ParameterStoreInput& input) {
  return std::make_unique<ReplicatedParameters>(input);
}

std::unique_ptr<ParameterStore> make_flat_parameters(const ParameterStoreInput& input) {
  return std::make_unique<FlatParameters>(input);
}

void bump_versions(const std::vector<NamedParameter>& parameters) {
  for (const auto& [name, tensor] : parameters) torch::autograd::impl::bump_version(tensor);
}

}  // namespace trireme
