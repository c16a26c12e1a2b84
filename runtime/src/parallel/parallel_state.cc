#include "parallel/parallel_state.h"

#include <malloc.h>
#include <torch/torch.h>

#include <cmath>

#include "hooks/hooked_gradients.h"
#include "parallel/gradient_order.h"
#include "parallel/gradient_values.h"
#include "parallel/ownership.h"
#include "parallel/parameter_plan.h"
#include "parallel/sparse_gradient.h"
#include "precision/compute_dtypes.h"
#include "trireme/base/log.h"

namespace trireme {
namespace {

std::optional<LossScale> loss_scale_of(const ParallelOptions& options) {
  if (options.loss_scale || options.precision != Precision::kFp16) return options.loss_scale;
  return LossScale{};
}

Replica synchronised(torch::nn::Module& module, TrainContext& context, const ParallelOptions& options) {
  auto replica = read_replica(module);
  require_same_model(replica, context.communicator());
  materialize_whole(replica, options.zero != Zero::kOff);
  move_to(replica, context.device());
  broadcast_replica(replica, context.communicator(), options.timeout);
  return replica;
}

}  // namespace

ParallelModule::State::State(std::shared_ptr<torch::nn::Module> wrapped, TrainContext& context,
                             const ParallelOptions& wishes)
    : options(wishes),
      policy(loss_scale_of(wishes), wishes.throw_after_skips),
      module(std::move(wrapped)),
      groups(make_shard_groups(context, wishes.zero, wishes.sharing, wishes.shard_over)),
      replica(synchronised(*module, context, wishes)),
      parameters(trainable(replica)),
      untrained(select(replica, false)),
      deferred(deferred_values(parameters)),
      units(*module),
      is_sparse(find_sparse_parameters(*module, parameters)),
      buckets(plan_and_convert()),
      gradient_buckets(plan_gradients(complete_order({}, parameters.size()))),
      gradients(make_gradients(gradient_buckets)),
      store(make_parameter_store()),
      reducer(parameters, gradient_buckets, *gradients) {
  sparse_sums.resize(parameters.size());
  make_parts();
  // The allocator keeps what the model's own parameters took, which is as much as sharding saves.
  if (wishes.zero != Zero::kOff) ::malloc_trim(0);
}

// Masters are made in between, of what is not rounded yet.
std::vector<BucketLayout> ParallelModule::State::plan_and_convert() {
  const auto dtypes_of = [&](const std::vector<NamedParameter>& tensors) {
    return compute_dtypes(*module, tensors, options.precision, options.keep_float32);
  };
  const auto dtypes = dtypes_of(parameters);
  auto layouts = plan(parameters, dtypes, complete_order({}, parameters.size()), units, options, groups.shards);
  const auto where = options.offload ? Masters::Where::kOnHost : Masters::Where::kBeside;
  if (options.precision != Precision::kFloat32 || options.offload) masters.emplace(parameters, layouts, groups, where);
  convert(parameters, dtypes);
  convert(untrained, dtypes_of(untrained));
  return layouts;
}

std::vector<BucketLayout> ParallelModule::State::plan_gradients(const std::vector<std::size_t>& order) const {
  return plan(parameters, current_dtypes(parameters), bucketed(order, is_sparse), units, options, groups.shards);
}

std::unique_ptr<GradientStore> ParallelModule::State::make_gradients(const std::vector<BucketLayout>& layout) {
  require_plain(options, is_sparse, parameters);
  GradientStoreOptions how{options.zero, options.timeout};
  if (options.zero == Zero::kParameters && !groups.layout.shared)
    how.poll_gathers = [this] { sharded->poll_gathers(); };
  if (!options.comm_hook) return make_gradient_store(layout, groups, how);
  return make_hooked_gradients(parameters, layout, *groups.world, *options.comm_hook, options.timeout);
}

std::unique_ptr<ParameterStore> ParallelModule::State::make_parameter_store() {
  const ParameterStoreInput input{&parameters, &buckets, &groups, options.timeout, options.guard_parameters};
  if (options.zero == Zero::kOff) return make_replicated_parameters(input);
  // A copy that a node shares is smaller than shards would be together with what is gathered.
  if (options.zero != Zero::kParameters || groups.layout.shared) return make_flat_parameters(input);
  warn_without_units();
  auto by_unit = make_unit_parameters(input, units.size(), options.keep_after_forward);
  sharded = by_unit.get();
  units.arm(sharded);
  return by_unit;
}

void ParallelModule::State::warn_without_units() const {
  if (units.size() > 1 || groups.shards == 1 || groups.world->rank() != 0) return;
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : parameters) bytes += tensor.nbytes();
  log_warn(
      "rank=0 event=no_units gathered_mib={} advice=\"the model has no Unit, so every rank gathers all of its "
      "parameters for "
      "each pass; hold its blocks as Unit<Block> (trireme/runtime/unit.h)\"",
      bytes >> 20);
}

void ParallelModule::State::make_parts() {
  for (std::size_t k = 0; k < buckets.size(); ++k) {
    for (const auto& place : parts_of_shard(buckets[k], groups.shards, groups.shard)) {
      const auto elements = store->elements(k, place);
      const bool has_master = masters && masters->has(k);
      parts.push_back({place.item, place.item_offset, has_master ? masters->elements(k, place) : elements, {}});
      live.push_back(has_master ? elements : at::Tensor());
      part_bucket.push_back(k);
    }
  }
  share_parts();
  find_sums();
}

void ParallelModule::State::find_sums() {
  sums.assign(parts.size(), {});
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (is_sparse[parts[i].parameter]) continue;
    const auto [k, place] = place_of(parts[i].parameter, gradient_buckets);
    const auto block_begin = gradient_buckets[k].elements / groups.shards * groups.shard;
    sums[i] = gradients->sums(k).narrow(0, place.offset + parts[i].offset - block_begin, parts[i].values.numel());
  }
  counted.clear();
  for (const auto& slice : slices) {
    const auto& sum = sums[slice.part];
    if (slice.is_owner && sum.defined()) counted.push_back(sum.narrow(0, slice.first, slice.elements));
  }
}

void ParallelModule::State::follow_gradient_order() {
  if (knows_order || options.zero != Zero::kOff) return;
  const auto arrived = order_of_rank_zero(reducer.arrived(), *groups.world, options.timeout);
  if (arrived.empty()) return;
  knows_order = true;
  auto layout = plan_gradients(complete_order(arrived, parameters.size()));
  if (layout == gradient_buckets) return;
  auto next = make_gradients(layout);
  reducer.move_to(layout, *next);
  gradients = std::move(next);
  gradient_buckets = std::move(layout);
  find_sums();
}

void ParallelModule::State::sum_sparse_gradients() {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto parameter = parts[i].parameter;
    if (!is_sparse[parameter]) continue;
    const auto& tensor = parameters[parameter].tensor;
    sparse_sums[parameter] = sum_sparse(tensor, tensor.grad(), *groups.world, options.timeout);
    tensor.mutable_grad() = sparse_sums[parameter];
    sums[i] = sparse_sums[parameter].to_dense().view(-1);
  }
}

void ParallelModule::State::share_parts() {
  std::vector<TensorExtent> extents;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& tensor = parameters[parts[i].parameter].tensor;
    const auto elements = parts[i].values.numel();
    extents.push_back({elements, tensor.element_size()});
    if (options.zero != Zero::kOff) slices.push_back({i, 0, elements, groups.speaks_for_shard()});
  }
  if (options.zero != Zero::kOff) return;
  for (const auto& piece : share_ownership(extents, groups.world->size())) {
    slices.push_back({piece.tensor, piece.first, piece.elements, piece.owner == groups.world->rank()});
  }
}

double ParallelModule::State::own_squares() const {
  auto flats = counted;
  // Every rank has the whole sum of a sparse gradient.
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (is_sparse[i] && groups.world->rank() == 0) flats.push_back(sparse_sums[i]._values());
  }
  return sum_of_squares(flats);
}

void ParallelModule::State::agree() {
  at::NoGradGuard no_grad;
  follow_gradient_order();
  sum_sparse_gradients();
  const StepAgreement own{own_squares(), reducer.used(), sharded != nullptr ? sharded->take_trail() : 0};
  agreed = agree_on_step(*groups.world, own, options.timeout);
  hand_out_gradients();
  holds_sums = true;
}

void ParallelModule::State::hand_out_gradients() {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_used = agreed.used[parts[i].parameter];
    parts[i].gradient = is_used ? sums[i].to(parts[i].values.device()) : at::Tensor();
  }
  handed_out = false;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const bool is_whole = options.zero == Zero::kOff && agreed.used[i] && !masters && policy.loss_scale() == 1;
    if (is_whole && is_sparse[i]) {
      handed_out = true;
      continue;
    }
    const bool shows =
        is_whole && !is_sparse[i] && reducer.gradient(i).scalar_type() == parameters[i].tensor.scalar_type();
    parameters[i].tensor.mutable_grad() = shows ? reducer.gradient(i) : at::Tensor();
    handed_out = handed_out || shows;
  }
}

void ParallelModule::State::publish_all() {
  at::NoGradGuard no_grad;
  store->begin_writes();
  for (std::size_t i = 0; i < parts.size(); ++i) round_master(i);
  for (std::size_t k = 0; k < buckets.size(); ++k) store->publish(k);
  store->settle();
}

void ParallelModule::State::send_buffers() {
  if (options.buffers != Buffers::kFromRankZero || !buffers_are_due || !module->is_training()) return;
  at::NoGradGuard no_grad;
  broadcast_tensors(replica.buffers, *groups.world, options.timeout);
  buffers_are_due = false;
}

void ParallelModule::State::run_backward(const at::Tensor& loss, double weight) {
  // A scaled loss would overflow in fp16.
  const auto wide = at::isReducedFloatingType(loss.scalar_type()) ? loss.to(at::kFloat) : loss;
  losses.look(0, wide.detach());
  const double factor = weight * policy.loss_scale();
  (factor == 1 ? wide : wide * factor).backward();
}

void ParallelModule::State::end_step() {
  if (holds_sums) {
    policy.end_step(!std::isfinite(agreed.squares));
    // The first step leaves holes in the heap, between the optimizer's state.
    if (!std::exchange(has_trimmed, true)) ::malloc_trim(0);
  }
  holds_sums = false;
  losses.forget();
}

at::Tensor ParallelModule::State::cut_out(std::size_t parameter, const BucketPlace& place,
                                          const at::Tensor& bucket) const {
  return bucket.narrow(0, place.offset, place.elements).view(parameters[parameter].tensor.sizes()).clone();
}

}  // namespace trireme
