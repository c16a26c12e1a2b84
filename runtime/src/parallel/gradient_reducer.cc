#include "parallel/gradient_reducer.h"

#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/torch.h>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

GradientReducer::GradientReducer(std::vector<NamedParameter> parameters, const std::vector<BucketLayout>& buckets,
                                 GradientStore& store)
    : parameters_(std::move(parameters)), store_(&store), used_(parameters_.size()) {
  lay_out(buckets);
  install_hooks();
}

GradientReducer::~GradientReducer() {
  for (const auto& hook : hooks_) hook.accumulator->del_post_hook(hook.key);
}

void GradientReducer::lay_out(const std::vector<BucketLayout>& buckets) {
  places_.resize(parameters_.size());
  for (const auto& layout : buckets) {
    Bucket bucket;
    const auto width = at::elementSize(static_cast<at::ScalarType>(layout.gradient_kind));
    bucket.bytes = layout.elements * static_cast<std::int64_t>(width);
    for (const auto& place : layout.places) {
      places_[place.item].bucket = buckets_.size();
      places_[place.item].offset = place.offset;
      bucket.parameters.push_back(place.item);
    }
    buckets_.push_back(std::move(bucket));
  }
  if (!store_->keeps_gradients()) return;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].bucket != kNone) places_[i].gradient = view_in_bucket(i);
  }
}

void GradientReducer::move_to(const std::vector<BucketLayout>& buckets, GradientStore& store) {
  at::NoGradGuard no_grad;
  const auto old = std::exchange(places_, {});
  buckets_.clear();
  store_ = &store;
  lay_out(buckets);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].bucket != kNone) places_[i].gradient.copy_(old[i].gradient);
  }
}

at::Tensor GradientReducer::view_in_bucket(std::size_t parameter) {
  const auto& place = places_[parameter];
  if (place.gradient.defined()) return place.gradient;
  const auto& tensor = parameters_[parameter].tensor;
  // variable_data(): autograd must not take it for a view, or torch::optim's zero_grad() cannot detach it.
  return store_->open(place.bucket).narrow(0, place.offset, tensor.numel()).view(tensor.sizes()).variable_data();
}

void GradientReducer::install_hooks() {
  using torch::autograd::variable_list;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto accumulator = torch::autograd::impl::grad_accumulator(parameters_[i].tensor);
    auto on_accumulated = [this, i](const variable_list& outputs, const variable_list&) {
      on_gradient(i);
      return outputs;
    };
    const auto key =
        accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(std::move(on_accumulated)));
    hooks_.push_back({std::move(accumulator), key});
  }
}

void GradientReducer::begin(Mode mode, bool posts_early) {
  mode_ = mode;
  may_post_ = posts_early;
  posted_ = 0;
  if (mode == Mode::kReduce) arrived_.clear();
  for (auto& place : places_) place.ready = false;
  for (auto& bucket : buckets_) bucket.missing = bucket.parameters.size();
  times_ = {Clock::now(), {}};
}

void GradientReducer::on_gradient(std::size_t parameter) {
  if (mode_ == Mode::kRejected) {
    throw Error(
        message("A gradient of {} came from loss.backward(), where no rank reduces it. Call "
                "parallel.backward(loss), or step.backward(loss), instead.",
                parameters_[parameter].name));
  }
  if (mode_ == Mode::kDiscard) {
    parameters_[parameter].tensor.mutable_grad() = at::Tensor();
    return;
  }
  at::NoGradGuard no_grad;
  const bool is_bucketed = places_[parameter].bucket != kNone;
  is_bucketed ? take_into_bucket(parameter) : take_sparse(parameter);
  note(TraceEvent::kGradientReady, parameter);
  times_.last_gradient = Clock::now();
  if (mode_ == Mode::kAccumulate || !is_bucketed) return;
  arrived_.push_back(parameter);
  mark_ready(parameter);
  post_full_buckets();
  // Backends without a thread of their own make progress only when called.
  if (posted_ > 0) store_->poll();
}

void GradientReducer::take_into_bucket(std::size_t parameter) {
  const auto& tensor = parameters_[parameter].tensor;
  const auto& gradient = tensor.grad();
  if (gradient.is_sparse()) {
    throw ConfigError(
        message("The gradient of {} is sparse, but no torch::nn::Embedding or EmbeddingBag with sparse(true) has it. "
                "Use one of these, in plain data parallel, or sparse(false).",
                parameters_[parameter].name));
  }
  const auto place = view_in_bucket(parameter);
  // Autograd adds by itself to what is in .grad(), where only gradients of the parameter's dtype stay.
  const bool stays = store_->keeps_gradients() && place.scalar_type() == tensor.scalar_type();
  const bool adds = store_->keeps_gradients() && !stays && used_[parameter];
  const bool is_there = gradient.is_alias_of(place);
  if (adds) place.add_(gradient);
  adds || is_there ? watch_.look(parameter, place) : watch_.copy(parameter, gradient, place);
  buckets_[places_[parameter].bucket].writers.note(place);
  used_[parameter] = true;
  if (!is_there) tensor.mutable_grad() = stays ? place : at::Tensor();
}

void GradientReducer::take_sparse(std::size_t parameter) {
  const auto& gradient = parameters_[parameter].tensor.grad();
  watch_.look(parameter, gradient.is_sparse() ? gradient._values() : gradient);
  used_[parameter] = true;
}

void GradientReducer::mark_ready(std::size_t parameter) {
  auto& place = places_[parameter];
  if (place.ready) {
    throw Error(
        message("The gradient of {} arrived twice in one backward pass. Parameters used in several re-entrant "
                "passes (checkpointed blocks) need one parallel.backward() per pass under no_sync().",
                parameters_[parameter].name));
  }
  place.ready = true;
  --buckets_[place.bucket].missing;
}

void GradientReducer::post_full_buckets() {
  while (may_post_ && posted_ < buckets_.size() && buckets_[posted_].missing == 0) {
    auto& bucket = buckets_[posted_];
    bucket.writers.join(parameters_[bucket.parameters.front()].tensor);
    store_->post(posted_);
    last_collective_ = {.sequence = last_collective_.sequence + 1, .op = "gradients", .bytes = bucket.bytes};
    reduced_bytes_ += bucket.bytes;
    note(TraceEvent::kBucketPosted, posted_);
    ++posted_;
  }
}

void GradientReducer::reduce_rest() {
  at::NoGradGuard no_grad;
  times_.last_gradient = Clock::now();
  may_post_ = true;
  fill_missing();
  wait_for_all();
}

// A parameter that this pass did not reach counts as zero, or as what accumulation left.
void GradientReducer::fill_missing() {
  for (std::size_t k = 0; k < buckets_.size(); ++k) {
    for (const auto parameter : buckets_[k].parameters) {
      if (places_[parameter].ready) continue;
      if (!store_->keeps_gradients() || !used_[parameter]) view_in_bucket(parameter).zero_();
      mark_ready(parameter);
    }
    post_full_buckets();
  }
}

void GradientReducer::wait_for_all() {
  const auto begin = Clock::now();
  for (std::size_t k = 0; k < buckets_.size(); ++k) {
    note(TraceEvent::kWaitBegin, k);
    store_->wait(k);
    note(TraceEvent::kWaitEnd, k);
  }
  times_.blocked = Clock::now() - begin;
}

void GradientReducer::drop_gradients() {
  for (auto& [name, tensor] : parameters_) tensor.mutable_grad() = at::Tensor();
  used_.assign(used_.size(), false);
  watch_.forget();
  store_->forget();
}

void GradientReducer::note(TraceEvent event, std::size_t index) {
  if (trace_ != nullptr) trace_->push_back({event, index, Clock::now()});
}

}  // namespace trireme
