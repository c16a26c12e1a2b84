#include "trireme/runtime/parallel.h"

#include <malloc.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "parallel/ownership.h"
#include "parallel/parallel_state.h"
#include "parallel/parameter_plan.h"
#include "tensors/tensor_stream.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/as_buffer.h"

namespace trireme {
namespace {

TensorSlice slice_of(const NamedParameter& source, const OwnedPiece& piece, int rank) {
  const auto flat = source.tensor.detach().view(-1);
  return {source.name, source.tensor.sizes().vec(), piece.first, flat.narrow(0, piece.first, piece.elements),
          piece.owner == rank};
}

}  // namespace

ParallelModule::ParallelModule(std::shared_ptr<torch::nn::Module> module, TrainContext& context,
                               const ParallelOptions& options)
    : context_(context), state_(std::make_unique<State>(std::move(module), context, options)) {
  write_deferred();
}

ParallelModule::~ParallelModule() { state_->units.arm(nullptr); }

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

std::int64_t ParallelModule::reduced_bytes() const noexcept { return state_->reducer.reduced_bytes(); }

ZeroMemory ParallelModule::formula_memory(int optimizer_tensors) const {
  constexpr std::int64_t kFloat = sizeof(float);
  const auto& state = *state_;
  const std::int64_t width = options().precision == Precision::kFloat32 ? kFloat : kFloat / 2;
  const std::int64_t masters = state.masters ? kFloat : 0;
  const bool reduces_wide = options().reduce_dtype == Precision::kFloat32;
  ZeroMemoryInput input{.zero = options().zero,
                        .parameter_bytes = width,
                        .gradient_bytes = reduces_wide ? kFloat : width,
                        .optimizer_bytes = kFloat * optimizer_tensors + masters,
                        .shards = state.groups.shards,
                        .sharing = state.groups.layout.shared ? state.groups.first().size() : 1};
  for (const auto& parameter : parameters()) input.elements += parameter.tensor.numel();
  return zero_memory(input);
}

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
  state.store->begin_writes();
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
  state.store->begin_writes();
  for (std::size_t i = 0; i < state.parts.size(); ++i) write(i);
  state.publish_all();
}

void ParallelModule::before_load() { state_->store->begin_writes(); }
void ParallelModule::after_load() { state_->publish_all(); }

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
  write_trained([&](std::size_t i, at::Tensor& whole) { write(state_->parameters[i].name, whole); });
  for (auto& [name, tensor] : state_->untrained) write(name, tensor);
  state_->publish_all();
}

void ParallelModule::write_trained(const std::function<void(std::size_t, at::Tensor&)>& write) {
  at::NoGradGuard no_grad;
  auto& state = *state_;
  state.store->begin_writes();
  for (std::size_t i = 0; i < state.parameters.size(); ++i) {
    auto whole = whole_parameter(i);
    write(i, whole);
    // Where ranks share memory, one that is still at reading must not see what another writes already.
    if (state.groups.layout.shared) state.groups.node->barrier({.timeout = state.options.timeout});
    for (const auto& part : state.parts) {
      if (part.parameter == i) part.values.copy_(whole.view(-1).narrow(0, part.offset, part.values.numel()));
    }
  }
}

void ParallelModule::write_deferred() {
  auto& tapes = state_->deferred;
  if (std::ranges::all_of(tapes, [](const auto& tape) { return tape == nullptr; })) return;
  write_trained([&](std::size_t i, at::Tensor& whole) {
    if (!tapes[i]) return;
    if (context_.rank() == 0) play(*tapes[i], whole);
    const auto sent = context_.communicator().broadcast(as_bytes(whole), 0, move_behind(whole, options().timeout));
    wait_for(*sent, whole);
    tapes[i].reset();
  });
  state_->publish_all();
  ::malloc_trim(0);  // the allocator keeps what the values took on their way
}

std::string ParallelModule::describe() const {
  const auto& groups = state_->groups;
  if (options().zero == Zero::kOff) return "plain data parallel";
  return message(
      "ZeRO {} ({}), {} shards, {}", static_cast<int>(options().zero), to_string(options().zero), groups.shards,
      groups.layout.shared ? "one copy of the parameters a node" : "parameters not shared: " + groups.layout.reason);
}

std::string ParallelModule::explain_nonfinite_gradient() {
  NonfiniteSight own{.in_loss = state_->losses.first().has_value()};
  if (const auto& first = state_->reducer.first_nonfinite()) {
    own.parameter = parameters()[first->tensor].name;
    own.gradients_before = first->tensors_before;
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
