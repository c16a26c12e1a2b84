#include "trireme/runtime/parallel.h"

#include <malloc.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "hooks/hooked_gradients.h"
#include "parallel/gradient_order.h"
#include "parallel/gradient_reducer.h"
#include "parallel/gradient_store.h"
#include "parallel/gradient_values.h"
#include "parallel/ownership.h"
#include "parallel/parameter_plan.h"
#include "parallel/replica.h"
#include "parallel/sparse_gradient.h"
#include "parallel/step_agreement.h"
#include "precision/compute_dtypes.h"
#include "precision/masters.h"
#include "precision/nonfinite_policy.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "zero/parameter_store.h"
#include "zero/shard_groups.h"
#include "zero/shard_transfer.h"
#include "zero/unit_map.h"
#include "zero/unit_parameters.h"

namespace trireme {
namespace {

TensorSlice slice_of(const NamedParameter& source, const OwnedPiece& piece, int rank) {
  const auto flat = source.tensor.detach().view(-1);
  return {source.name, source.tensor.sizes().vec(), piece.first, flat.narrow(0, piece.first, piece.elements),
          piece.owner == rank};
}

std::optional<LossScale> loss_scale_of(const ParallelOptions& options) {
  if (options.loss_scale || options.precision != Precision::kFp16) return options.loss_scale;
  return LossScale{};
}

}  // namespace

struct ParallelModule::State {
  State(std::shared_ptr<torch::nn::Module> wrapped, TrainContext& context, const ParallelOptions& wishes);

  static Replica synchronised(torch::nn::Module& module, collectives::Communicator& communicator,
                              const ParallelOptions& options) {
    auto replica = read_replica(module);
    require_same_model(replica, communicator);
    broadcast_replica(replica, communicator, options.timeout);
    return replica;
  }
  std::vector<BucketLayout> plan_and_convert();
  // Of gradients, in the order in which they come.
  [[nodiscard]] std::vector<BucketLayout> plan_gradients(const std::vector<std::size_t>& order) const;
  std::unique_ptr<GradientStore> make_gradients(const std::vector<BucketLayout>& layout);
  std::unique_ptr<ParameterStore> make_parameter_store();
  void make_parts();
  void find_sums();
  void follow_gradient_order();
  void send_buffers();
  void sum_sparse_gradients();
  void share_parts();
  // Collective. A bucket, of this rank's block of it.
  [[nodiscard]] at::Tensor whole(const at::Tensor& block) const {
    return options.zero == Zero::kOff ? block : gather_blocks(groups, block, options.timeout);
  }
  [[nodiscard]] at::Tensor cut_out(std::size_t parameter, const BucketPlace& place, const at::Tensor& bucket) const;
  // This rank's share of the squares: of the elements that no other rank counts.
  [[nodiscard]] double own_squares() const;
  void agree();
  void hand_out_gradients();
  void run_backward(const at::Tensor& loss, double weight);
  // What the optimizers do with the sums is done.
  void end_step();
  // Makes what the model computes with from a part's master, where it has one.
  void round_master(std::size_t part) const {
    if (live[part].defined()) live[part].copy_(parts[part].values);
  }
  // Collective. Rounds what has masters, and shows it to all ranks.
  void publish_all();

  const ParallelOptions options;
  NonfinitePolicy policy;
  std::shared_ptr<torch::nn::Module> module;
  ShardGroups groups;
  Replica replica;
  std::vector<NamedParameter> parameters;  // trainable
  std::vector<NamedParameter> untrained;   // the others
  UnitMap units;
  std::optional<Masters> masters;     // where the precision is not kFloat32
  std::vector<bool> is_sparse;        // by parameter
  std::vector<BucketLayout> buckets;  // of parameters: never changes, because parts and what is kept by part follow
  // Of gradients. Note [gradient order]: with Zero::kOff they are laid out anew after the first step, in the order in
  // which rank 0's gradients came; the sums do not depend on it. With ZeRO a rank's shard is its block of a bucket, for
  // gradients, parameters and optimizer state alike, and the optimizer may have state by then, so the buckets stay.
  std::vector<BucketLayout> gradient_buckets;
  bool knows_order = false;
  bool buffers_are_due = true;        // no forward pass since the last step
  UnitParameters* sharded = nullptr;  // `store`, where it gathers units
  std::unique_ptr<GradientStore> gradients;
  std::unique_ptr<ParameterStore> store;
  GradientReducer reducer;

  std::vector<ParameterPart> parts;
  std::vector<at::Tensor> live;          // by part: what its master is rounded into; undefined without one
  std::vector<at::Tensor> sparse_sums;   // by parameter; of those with sparse gradients, after a step
  std::vector<at::Tensor> sums;          // by part: its gradient, whether used or not
  std::vector<std::size_t> part_bucket;  // by part, ascending
  std::vector<PartSlice> slices;
  std::vector<at::Tensor> counted;  // the sums that this rank owns
  StepAgreement agreed;
  bool holds_sums = false;
  bool loss_is_finite = true;  // since the last step
  bool handed_out = false;     // some parameter has a gradient for torch::optim
  int no_sync_guards = 0;
};

ParallelModule::State::State(std::shared_ptr<torch::nn::Module> wrapped, TrainContext& context,
                             const ParallelOptions& wishes)
    : options(wishes),
      policy(loss_scale_of(wishes), wishes.throw_after_skips),
      module(std::move(wrapped)),
      groups(make_shard_groups(context, wishes.zero, wishes.sharing, wishes.shard_over)),
      replica(synchronised(*module, context.communicator(), wishes)),
      parameters(trainable(replica)),
      untrained(select(replica, false)),
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
  if (options.precision != Precision::kFloat32) masters.emplace(parameters, layouts, groups);
  convert(parameters, dtypes);
  convert(untrained, dtypes_of(untrained));
  return layouts;
}

std::vector<BucketLayout> ParallelModule::State::plan_gradients(const std::vector<std::size_t>& order) const {
  return plan(parameters, current_dtypes(parameters), bucketed(order, is_sparse), units, options, groups.shards);
}

std::unique_ptr<GradientStore> ParallelModule::State::make_gradients(const std::vector<BucketLayout>& layout) {
  require_plain(options, is_sparse, parameters);
  if (!options.comm_hook) return make_gradient_store(layout, groups, {options.zero, options.timeout});
  return make_hooked_gradients(parameters, layout, *groups.world, *options.comm_hook, options.timeout);
}

std::unique_ptr<ParameterStore> ParallelModule::State::make_parameter_store() {
  const ParameterStoreInput input{&parameters, &buckets, &groups, options.timeout};
  if (options.zero == Zero::kOff) return make_replicated_parameters(input);
  // A copy that a node shares is smaller than shards would be together with what is gathered.
  if (options.zero != Zero::kParameters || groups.layout.shared) return make_flat_parameters(input);
  auto by_unit = make_unit_parameters(input, units.size(), options.keep_after_forward);
  sharded = by_unit.get();
  units.arm(sharded);
  return by_unit;
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
  double squares = 0;
  for (const auto& part : counted) squares += sum_of_squares(part);
  // Every rank has the whole sum of a sparse gradient.
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (is_sparse[i] && groups.world->rank() == 0) squares += sum_of_squares(sparse_sums[i]._values());
  }
  return squares;
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
    parts[i].gradient = agreed.used[parts[i].parameter] ? sums[i] : at::Tensor();
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
  for (std::size_t i = 0; i < parts.size(); ++i) round_master(i);
  for (std::size_t k = 0; k < buckets.size(); ++k) store->publish(k);
  store->settle();
}

ParallelModule::ParallelModule(std::shared_ptr<torch::nn::Module> module, TrainContext& context,
                               const ParallelOptions& options)
    : context_(context), state_(std::make_unique<State>(std::move(module), context, options)) {}

ParallelModule::~ParallelModule() { state_->units.arm(nullptr); }

void ParallelModule::State::send_buffers() {
  if (options.buffers != Buffers::kFromRankZero || !buffers_are_due || !module->is_training()) return;
  at::NoGradGuard no_grad;
  broadcast_tensors(replica.buffers, *groups.world, options.timeout);
  buffers_are_due = false;
}

void ParallelModule::begin_forward() {
  state_->send_buffers();
  if (state_->sharded != nullptr) state_->sharded->begin_forward();
}

void ParallelModule::backward(const at::Tensor& loss, double weight) { backward({this}, loss, weight); }

void ParallelModule::backward(const std::vector<ParallelModule*>& models, const at::Tensor& loss, double weight) {
  struct End {
    const std::vector<ParallelModule*>& models;
    ~End() {
      for (auto* model : models) model->state_->reducer.end();
    }
  } end{models};
  for (const auto* model : models) {
    if (model->loss_scale() == models.front()->loss_scale()) continue;
    throw ConfigError("Models of one loss need one loss scale: give all of them the same precision and a fixed scale.");
  }
  // The others' buckets wait for the end of the pass, because how they would mix may differ between ranks.
  for (auto* model : models) model->begin_backward(loss, weight, model == models.front());
  if (weight != 0) models.front()->state_->run_backward(loss, weight);
  for (auto* model : models) model->end_backward();
}

void ParallelModule::begin_backward(const at::Tensor& loss, double weight, bool posts_early) {
  auto& state = *state_;
  const auto is_cleared = [](const NamedParameter& parameter) { return !parameter.tensor.grad().defined(); };
  if (state.holds_sums && state.handed_out &&
      std::all_of(state.parameters.begin(), state.parameters.end(), is_cleared)) {
    zero_grad();  // a torch::optim optimizer cleared them
  }
  if (state.holds_sums) {
    throw Error(
        "backward() was called while the gradients of the last step are still there. Call zero_grad() after the "
        "optimizer's step, or hold no_sync() during all but the last backward of a step.");
  }
  // A rank that ran no forward pass in this step takes the buffers here.
  if (state.no_sync_guards == 0) state.send_buffers();
  using Mode = GradientReducer::Mode;
  // A rank without samples gathers with the others.
  if (weight == 0 && state.sharded != nullptr && loss.requires_grad()) {
    state.reducer.begin(Mode::kDiscard);
    loss.backward();
  }
  const bool reduces = state.no_sync_guards == 0 || !state.gradients->keeps_gradients();
  state.reducer.begin(reduces ? Mode::kReduce : Mode::kAccumulate, posts_early);
}

void ParallelModule::end_backward() {
  auto& state = *state_;
  const bool is_last = state.no_sync_guards == 0;
  if (state.sharded != nullptr) state.sharded->end_backward();
  if (is_last || !state.gradients->keeps_gradients()) state.reducer.reduce_rest();
  if (!is_last) return;
  state.agree();
  state.buffers_are_due = true;
}

void ParallelModule::State::run_backward(const at::Tensor& loss, double weight) {
  // A scaled loss would overflow in fp16.
  const auto wide = at::isReducedFloatingType(loss.scalar_type()) ? loss.to(at::kFloat) : loss;
  loss_is_finite = loss_is_finite && std::isfinite(wide.item<double>());
  const double factor = weight * policy.loss_scale();
  (factor == 1 ? wide : wide * factor).backward();
}

void ParallelModule::State::end_step() {
  if (holds_sums) policy.end_step(!std::isfinite(agreed.squares));
  holds_sums = false;
  loss_is_finite = true;
}

void ParallelModule::zero_grad() {
  state_->reducer.drop_gradients();
  for (auto& part : state_->parts) part.gradient = at::Tensor();
  state_->end_step();
}

ParallelModule::NoSync::NoSync(ParallelModule& parallel) : parallel_(parallel) { ++parallel_.state_->no_sync_guards; }
ParallelModule::NoSync::~NoSync() { --parallel_.state_->no_sync_guards; }

bool ParallelModule::gathers_units() const noexcept { return state_->sharded != nullptr; }
const std::vector<NamedParameter>& ParallelModule::parameters() const noexcept { return state_->parameters; }
const std::vector<ParameterPart>& ParallelModule::parts() const noexcept { return state_->parts; }
const std::vector<PartSlice>& ParallelModule::part_slices() const noexcept { return state_->slices; }
const ParallelOptions& ParallelModule::options() const noexcept { return state_->options; }
double ParallelModule::gradient_norm() const noexcept { return std::sqrt(state_->agreed.squares) / loss_scale(); }
double ParallelModule::gradient_scale() const noexcept { return 1 / loss_scale(); }
double ParallelModule::loss_scale() const noexcept { return state_->policy.loss_scale(); }
std::int64_t ParallelModule::gathered_bytes() const noexcept { return state_->store->gathered_bytes(); }

void ParallelModule::update(const std::function<void(std::size_t)>& change) {
  std::size_t part = 0;
  update_together([&](std::size_t count) {
    for (; count > 0; ++part) {
      if (!state_->parts[part].gradient.defined()) continue;
      change(part);
      --count;
    }
  });
}

void ParallelModule::update_together(const std::function<void(std::size_t)>& change) {
  at::NoGradGuard no_grad;
  auto& state = *state_;
  std::size_t part = 0;
  for (std::size_t k = 0; k < state.buckets.size(); ++k) {
    const auto first = part;
    std::size_t count = 0;
    for (; part < state.parts.size() && state.part_bucket[part] == k; ++part) {
      count += state.parts[part].gradient.defined() ? 1 : 0;
    }
    if (count > 0) change(count);
    for (auto i = first; i < part; ++i) {
      if (state.parts[i].gradient.defined()) state.round_master(i);
    }
    state.store->publish(k);
  }
  state.store->settle();
}

void ParallelModule::write_parts(const std::function<void(std::size_t)>& write) {
  at::NoGradGuard no_grad;
  auto& state = *state_;
  // Where ranks share memory, one that still computes must not see what another writes already.
  if (state.groups.layout.shared) state.groups.node->barrier({.timeout = state.options.timeout});
  for (std::size_t i = 0; i < state.parts.size(); ++i) write(i);
  state.publish_all();
}

void ParallelModule::after_load() { state_->publish_all(); }

at::Tensor ParallelModule::State::cut_out(std::size_t parameter, const BucketPlace& place,
                                          const at::Tensor& bucket) const {
  return bucket.narrow(0, place.offset, place.elements).view(parameters[parameter].tensor.sizes()).clone();
}

at::Tensor ParallelModule::whole_parameter(std::size_t index) {
  at::NoGradGuard no_grad;
  auto& state = *state_;
  const auto [bucket, place] = place_of(index, state.buckets);
  const bool has_master = state.masters && state.masters->has(bucket);
  return state.cut_out(index, place,
                       has_master ? state.whole(state.masters->block(bucket)) : state.store->whole(bucket));
}

at::Tensor ParallelModule::whole_gradient(std::size_t index) {
  at::NoGradGuard no_grad;
  auto& state = *state_;
  if (!state.holds_sums || !state.agreed.used[index]) return {};
  if (state.is_sparse[index]) return state.sparse_sums[index].to_dense();
  const auto [bucket, place] = place_of(index, state.gradient_buckets);
  return state.cut_out(index, place, state.whole(state.gradients->sums(bucket)));
}

void ParallelModule::write_parameters(const std::function<void(const std::string&, at::Tensor&)>& write) {
  at::NoGradGuard no_grad;
  auto& state = *state_;
  for (std::size_t i = 0; i < state.parameters.size(); ++i) {
    auto whole = whole_parameter(i);
    write(state.parameters[i].name, whole);
    // Where ranks share memory, one that is still at reading must not see what another writes already.
    if (state.groups.layout.shared) state.groups.node->barrier({.timeout = state.options.timeout});
    for (const auto& part : state.parts) {
      if (part.parameter == i) part.values.copy_(whole.view(-1).narrow(0, part.offset, part.values.numel()));
    }
  }
  for (auto& [name, tensor] : state.untrained) write(name, tensor);
  state.publish_all();
}

std::string ParallelModule::describe() const {
  const auto& groups = state_->groups;
  if (options().zero == Zero::kOff) return "plain data parallel";
  return message(
      "ZeRO {} ({}), {} shards, {}", static_cast<int>(options().zero), to_string(options().zero), groups.shards,
      groups.layout.shared ? "one copy of the parameters a node" : "parameters not shared: " + groups.layout.reason);
}

std::string ParallelModule::explain_nonfinite_gradient() {
  NonfiniteSight own{.in_loss = !state_->loss_is_finite};
  if (const auto& first = state_->reducer.first_nonfinite()) {
    own.parameter = parameters()[first->parameter].name;
    own.gradients_before = first->gradients_before;
  }
  std::vector<NonfiniteSight> by_rank;
  for (const auto& text : context_.communicator().all_gather_bytes(encode(own))) by_rank.push_back(decode_sight(text));
  return state_->policy.explain(by_rank);
}

std::map<std::string, std::string> ParallelModule::scalars() const { return state_->policy.scalars(); }
void ParallelModule::load_scalars(const std::map<std::string, std::string>& scalars) {
  state_->policy.load_scalars(scalars);
}

const BackwardTimes& ParallelModule::last_backward() const noexcept { return state_->reducer.times(); }
const CollectiveStatus& ParallelModule::last_collective() const noexcept { return state_->reducer.last_collective(); }
void ParallelModule::record_trace(std::vector<TraceEntry>* trace) noexcept {
  state_->reducer.record_trace(trace);
  state_->store->record_trace(trace);
}

std::vector<TensorSlice> ParallelModule::tensor_slices() {
  const auto& state = *state_;
  std::vector<TensorSlice> slices;
  for (const auto& [part, first, elements, is_owner] : state.slices) {
    const auto& [parameter, offset, values, gradient] = state.parts[part];
    const auto& [name, tensor] = state.parameters[parameter];
    slices.push_back({name, tensor.sizes().vec(), offset + first, values.narrow(0, first, elements), is_owner});
  }
  std::vector<TensorExtent> extents;
  for (const auto& [name, tensor] : state.untrained) extents.push_back({tensor.numel(), tensor.element_size()});
  for (const auto& piece : share_ownership(extents, context_.world_size())) {
    slices.push_back(slice_of(state.untrained[piece.tensor], piece, context_.rank()));
  }
  for (const auto& buffer : state.replica.buffers) {
    slices.push_back(slice_of(buffer, {0, 0, buffer.tensor.numel(), 0}, context_.rank()));
  }
  return slices;
}

}  // namespace trireme
