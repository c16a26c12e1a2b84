#include "zero/unit_parameters.h"

#include <torch/torch.h>

#include <algorithm>
#include <optional>

#include "deferred/deferred_values.h"
#include "parallel/flat_memory.h"
#include "tensors/tensor_stream.h"
#include "trireme/runtime/as_buffer.h"
#include "zero/shard_transfer.h"
#include "zero/slot_pool.h"

namespace trireme {
namespace {

constexpr std::int64_t kPage = 4096;
constexpr std::uint32_t kTrails = 1U << 20;

void point_at(const at::Tensor& flat, void* memory) {
  flat.storage().unsafeGetStorageImpl()->set_data_ptr_noswap(at::DataPtr(memory, flat.device()));
}

// A bucket of sharded parameters.
struct ShardedBucket {
  std::size_t index = 0;
  at::Tensor flat;   // what the parameters are views of; backed while gathered
  at::Tensor block;  // this rank's part of it, always there
  collectives::WorkPtr gather = {};
};

struct UnitState {
  std::vector<ShardedBucket> buckets = {};
  std::int64_t bytes = 0;
  at::Tensor slot = {};                          // while gathered
  int uses = 0;                                  // passes of the unit that are under way
  std::optional<std::size_t> next_forward = {};  // the unit that came after this one, the last time
  std::optional<std::size_t> next_backward = {};
};

class Sharded final : public UnitParameters {
 public:
  Sharded(const ParameterStoreInput& input, std::size_t units, bool keep_after_forward)
      : parameters_(*input.parameters),
        groups_(*input.groups),
        ranks_(groups_.first().split(0, groups_.first().rank())),
        timeout_(input.timeout),
        keep_after_forward_(keep_after_forward),
        homes_(input.buckets->size()),
        units_(units) {
    make_whole(input);
    make_units(*input.buckets);
    std::int64_t most = 0;
    for (std::size_t u = 1; u < units_.size(); ++u) most = std::max(most, units_[u].bytes);
    slots_.emplace(*ranks_, std::max(most, kPage));
    root_slot_.emplace(*ranks_, std::max(units_[kRootUnit].bytes, kPage));
  }

  // -- what an optimizer writes
  [[nodiscard]] at::Tensor elements(std::size_t bucket, const PartPlace& part) override {
    const auto& home = homes_[bucket];
    if (home.is_whole) return whole_->elements(home.place, part);
    const auto& block = units_[home.unit].buckets[home.place].block;
    return block.narrow(0, part.bucket_offset - block.numel() * groups_.shard, part.elements);
  }
  [[nodiscard]] at::Tensor whole(std::size_t bucket) override {
    const auto& home = homes_[bucket];
    if (home.is_whole) return whole_->whole(home.place);
    return gather_blocks(groups_, units_[home.unit].buckets[home.place].block, timeout_);
  }
  void publish(std::size_t bucket) override {
    if (homes_[bucket].is_whole) whole_->publish(homes_[bucket].place);
  }
  void settle() override {
    end_backward();
    if (whole_) whole_->settle();
    bump_versions(parameters_);
  }
  [[nodiscard]] std::int64_t gathered_bytes() const noexcept override {
    return gathered_bytes_ + (whole_ ? whole_->gathered_bytes() : 0);
  }

  // -- passes
  void begin_forward() override {
    knows_order_ = knows_order_ || last_.has_value();
    gather(kRootUnit);
    finish(kRootUnit);
    last_.reset();
  }
  void before_forward(std::size_t unit) override {
    if (last_) units_[*last_].next_forward = unit;
    last_ = unit;
    enter(unit, units_[unit].next_forward);
  }
  void after_forward(std::size_t unit) override {
    --units_[unit].uses;
    // The last one is the first that backward needs.
    const bool is_last = knows_order_ && !units_[unit].next_forward;
    const bool keeps = at::GradMode::is_enabled() && (keep_after_forward_ || is_last);
    if (!keeps) release(unit);
  }
  void before_backward(std::size_t unit) override {
    if (last_backward_ && *last_backward_ != unit) units_[*last_backward_].next_backward = unit;
    last_backward_ = unit;
    enter(unit, units_[unit].next_backward);
  }
  void after_backward(std::size_t unit) override {
    if (units_[unit].uses > 0) --units_[unit].uses;
    release(unit);
  }
  [[nodiscard]] std::uint32_t take_trail() override { return std::exchange(trail_, 0); }
  void poll_gathers() override {
    for (auto& unit : units_) {
      for (auto& bucket : unit.buckets) {
        if (bucket.gather) (void)bucket.gather->done();
      }
    }
  }
  void end_backward() override {
    last_backward_.reset();
    for (std::size_t u = 0; u < units_.size(); ++u) {
      units_[u].uses = 0;
      release(u);
    }
  }

 private:
  struct Home {
    bool is_whole = false;
    std::size_t unit = 0;
    std::size_t place = 0;  // among the unit's buckets, or the whole ones
  };

  void make_whole(const ParameterStoreInput& input) {
    for (std::size_t k = 0; k < homes_.size(); ++k) {
      if ((*input.buckets)[k].unit != kWholeUnit) continue;
      homes_[k] = {true, 0, whole_buckets_.size()};
      whole_buckets_.push_back((*input.buckets)[k]);
    }
    if (whole_buckets_.empty()) return;
    auto of_whole = input;
    of_whole.buckets = &whole_buckets_;
    whole_ = make_flat_parameters(of_whole);
  }

  void make_units(const std::vector<BucketLayout>& buckets) {
    std::vector<FlatPiece> pieces;
    std::vector<std::size_t> sharded;
    for (std::size_t k = 0; k < buckets.size(); ++k) {
      if (homes_[k].is_whole) continue;
      const auto dtype = parameters_[buckets[k].places.front().item].tensor.scalar_type();
      pieces.push_back({buckets[k].elements / groups_.shards, dtype});
      sharded.push_back(k);
    }
    const auto blocks = allocate_flat(*ranks_, pieces);
    for (std::size_t i = 0; i < sharded.size(); ++i) {
      const auto& layout = buckets[sharded[i]];
      auto& unit = units_[static_cast<std::size_t>(layout.unit)];
      homes_[sharded[i]] = {false, static_cast<std::size_t>(layout.unit), unit.buckets.size()};
      unit.buckets.push_back({sharded[i], unbacked({layout.elements}, blocks[i].options()), blocks[i]});
      unit.bytes += slot_bytes(unit.buckets.back());
      move_in(layout, unit.buckets.back());
    }
  }

  // Keeps this rank's elements of each parameter and lets go of the rest, one parameter after the other.
  void move_in(const BucketLayout& layout, const ShardedBucket& bucket) {
    at::NoGradGuard no_grad;
    const auto begin = bucket.block.numel() * groups_.shard;
    for (const auto& part : parts_of_shard(layout, groups_.shards, groups_.shard)) {
      if (!has_memory(parameters_[part.item].tensor)) continue;
      const auto whole = parameters_[part.item].tensor.detach().view(-1);
      bucket.block.narrow(0, part.bucket_offset - begin, part.elements)
          .copy_(whole.narrow(0, part.item_offset, part.elements));
    }
    for (const auto& place : layout.places) {
      auto tensor = parameters_[place.item].tensor;
      tensor.set_data(bucket.flat.narrow(0, place.offset, place.elements).view(tensor.sizes()));
    }
  }

  [[nodiscard]] static std::int64_t slot_bytes(const ShardedBucket& bucket) {
    return (static_cast<std::int64_t>(bucket.flat.nbytes()) + kPage - 1) / kPage * kPage;
  }

  void enter(std::size_t unit, const std::optional<std::size_t>& next) {
    ++units_[unit].uses;
    gather(unit);
    if (next) gather(*next);
    finish(unit);
  }

  SlotPool& slots_of(std::size_t unit) { return unit == kRootUnit ? *root_slot_ : *slots_; }

  // Posts, unless the unit is gathered or being gathered.
  void gather(std::size_t unit) {
    auto& state = units_[unit];
    if (state.slot.defined() || state.buckets.empty()) return;
    state.slot = slots_of(unit).take();
    trail_ = (trail_ * 31 + static_cast<std::uint32_t>(unit) + 1) % kTrails;
    auto* memory = state.slot.mutable_data_ptr<std::uint8_t>();
    for (auto& bucket : state.buckets) {
      point_at(bucket.flat, memory);
      memory += slot_bytes(bucket);
      bucket.gather =
          ranks_->all_gather(as_buffer(bucket.block), as_buffer(bucket.flat), move_behind(bucket.block, timeout_));
      gathered_bytes_ += static_cast<std::int64_t>(bucket.flat.nbytes() - bucket.block.nbytes());
    }
  }

  void finish(std::size_t unit) {
    auto& buckets = units_[unit].buckets;
    if (buckets.empty() || !buckets.front().gather) return;
    note(TraceEvent::kGatherBegin, unit);
    for (auto& bucket : buckets) {
      wait_for(*bucket.gather, bucket.block);
      bucket.gather.reset();
    }
    note(TraceEvent::kGatherEnd, unit);
  }

  void release(std::size_t unit) {
    auto& state = units_[unit];
    if (!state.slot.defined() || state.uses > 0) return;
    finish(unit);
    for (const auto& bucket : state.buckets) point_at(bucket.flat, nullptr);
    slots_of(unit).give_back(std::exchange(state.slot, {}));
  }

  const std::vector<NamedParameter>& parameters_;
  const ShardGroups& groups_;
  // Of gathers alone: they come in the order of the units, reductions in that of the buckets, and how the two mix may
  // differ between ranks.
  const std::unique_ptr<collectives::Communicator> ranks_;
  const collectives::Timeout timeout_;
  const bool keep_after_forward_;
  std::vector<BucketLayout> whole_buckets_;
  std::unique_ptr<ParameterStore> whole_;  // null when no bucket stays whole
  std::vector<Home> homes_;                // by bucket
  std::vector<UnitState> units_;
  std::optional<SlotPool> slots_;
  std::optional<SlotPool> root_slot_;
  std::optional<std::size_t> last_;  // entered last in this forward pass
  bool knows_order_ = false;         // a forward pass has ended before
  std::optional<std::size_t> last_backward_;
  std::uint32_t trail_ = 0;
  std::int64_t gathered_bytes_ = 0;
};

}  // namespace

std::unique_ptr<UnitParameters> make_unit_parameters(const ParameterStoreInput& input, std::size_t units,
                                                     bool keep_after_forward) {
  return std::make_unique<Sharded>(input, units, keep_after_forward);
}

}  // namespace trireme
