#include "parallel/gradient_reducer.h"

#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/torch.h>

#include <cmath>

#include "trireme/base/check.h"
#include "trireme/base/error.h"
#include "trireme/runtime/as_buffer.h"

namespace trireme {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBucketAlignment = 4096;  // pages, so that slices of two buckets never share one

std::size_t aligned(std::size_t bytes) { return (bytes + kBucketAlignment - 1) / kBucketAlignment * kBucketAlignment; }

std::vector<BucketItem> items_of(const std::vector<NamedParameter>& parameters) {
  std::vector<BucketItem> items;
  items.reserve(parameters.size());
  for (const auto& [name, tensor] : parameters) {
    items.push_back({tensor.numel(), tensor.element_size(), static_cast<int>(tensor.scalar_type())});
  }
  return items;
}

std::size_t bytes_of(const BucketLayout& layout) {
  return static_cast<std::size_t>(layout.elements) * at::elementSize(static_cast<at::ScalarType>(layout.kind));
}

}  // namespace

GradientReducer::GradientReducer(std::vector<NamedParameter> parameters, collectives::Communicator& communicator,
                                 const ParallelOptions& options)
    : parameters_(std::move(parameters)), communicator_(communicator), timeout_(options.timeout) {
  if (parameters_.empty()) {
    throw ConfigError(
        "The model has no parameter that requires a gradient, so there is nothing to train. Call "
        "requires_grad_() on those to train before making Parallel.");
  }
  lay_out(options);
  install_hooks();
}

GradientReducer::~GradientReducer() {
  for (const auto& hook : hooks_) hook.accumulator->del_post_hook(hook.key);
}

void GradientReducer::lay_out(const ParallelOptions& options) {
  auto layouts = plan_buckets(items_of(parameters_), {options.first_bucket_bytes, options.bucket_bytes});
  const auto gradients_end = layouts.back().elements;
  layouts.back().elements += static_cast<std::int64_t>(parameters_.size());
  make_views(layouts);
  used_ = buckets_.back().values.slice(0, gradients_end);
}

void GradientReducer::make_views(const std::vector<BucketLayout>& layouts) {
  std::size_t bytes = 0;
  for (const auto& layout : layouts) bytes += aligned(bytes_of(layout));
  const auto memory = communicator_.allocate(bytes);
  places_.resize(parameters_.size());
  std::size_t offset = 0;
  for (const auto& layout : layouts) {
    Bucket bucket;
    bucket.values = tensor_over(memory, offset, layout.elements, static_cast<at::ScalarType>(layout.kind));
    for (const auto& place : layout.places) {
      const auto& tensor = parameters_[place.item].tensor;
      places_[place.item].bucket = buckets_.size();
      // variable_data(): autograd must not take it for a view, or torch::optim's zero_grad() cannot detach it.
      places_[place.item].gradient =
          bucket.values.narrow(0, place.offset, tensor.numel()).view(tensor.sizes()).variable_data();
      bucket.parameters.push_back(place.item);
    }
    buckets_.push_back(std::move(bucket));
    offset += aligned(bytes_of(layout));
  }
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

void GradientReducer::begin(Mode mode) {
  mode_ = mode;
  posted_ = 0;
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
  at::NoGradGuard no_grad;
  take_into_bucket(parameter);
  note(TraceEvent::kGradientReady, parameter);
  times_.last_gradient = Clock::now();
  if (mode_ == Mode::kAccumulate) return;
  mark_ready(parameter);
  post_full_buckets();
  // Backends without a thread of their own make progress only when called.
  if (posted_ > 0) static_cast<void>(buckets_[posted_ - 1].work->done());
}

void GradientReducer::take_into_bucket(std::size_t parameter) {
  const auto& tensor = parameters_[parameter].tensor;
  const auto& gradient = tensor.grad();
  auto& place = places_[parameter];
  if (gradient.is_sparse()) {
    throw ConfigError(
        message("The gradient of {} is sparse, which cannot be reduced in buckets; make the embedding with "
                "sparse(false).",
                parameters_[parameter].name));
  }
  if (gradient.is_alias_of(place.gradient)) return;
  place.gradient.copy_(gradient);
  tensor.mutable_grad() = place.gradient;
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
  while (posted_ < buckets_.size() && buckets_[posted_].missing == 0) {
    if (posted_ + 1 == buckets_.size()) write_used();
    post(buckets_[posted_]);
    note(TraceEvent::kBucketPosted, posted_);
    ++posted_;
  }
}

void GradientReducer::post(Bucket& bucket) {
  const auto buffer = as_buffer(bucket.values);
  bucket.input_sum = bucket.values.sum();
  bucket.work = communicator_.all_reduce(buffer, {.op = collectives::ReduceOp::kSum, .timeout = timeout_});
  last_collective_ = {last_collective_.sequence + 1, "all_reduce", static_cast<std::int64_t>(buffer.bytes())};
}

void GradientReducer::write_used() {
  auto numbers = at::empty({used_.numel()}, at::kFloat);
  auto* out = numbers.data_ptr<float>();
  for (const auto& [name, tensor] : parameters_) *out++ = tensor.grad().defined() ? 1.0F : 0.0F;
  used_.copy_(numbers);
}

void GradientReducer::finish() {
  at::NoGradGuard no_grad;
  times_.last_gradient = Clock::now();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (places_[i].ready) continue;
    if (!parameters_[i].tensor.grad().defined()) places_[i].gradient.zero_();
    mark_ready(i);
  }
  post_full_buckets();
  wait_for_all();
  hand_out_sums();
  reduced_ = true;
  end();
}

void GradientReducer::wait_for_all() {
  const auto begin = Clock::now();
  for (std::size_t k = 0; k < buckets_.size(); ++k) {
    note(TraceEvent::kWaitBegin, k);
    buckets_[k].work->wait();
    note(TraceEvent::kWaitEnd, k);
  }
  times_.blocked = Clock::now() - begin;
}

void GradientReducer::hand_out_sums() {
  const auto counts = used_.to(at::kFloat);
  const auto* count = counts.data_ptr<float>();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    parameters_[i].tensor.mutable_grad() = count[i] > 0 ? places_[i].gradient : at::Tensor();
  }
}

void GradientReducer::drop_gradients() {
  for (auto& [name, tensor] : parameters_) tensor.mutable_grad() = at::Tensor();
  reduced_ = false;
}

bool GradientReducer::holds_sums() const {
  if (!reduced_) return false;
  for (const auto& [name, tensor] : parameters_) {
    if (tensor.grad().defined()) return true;
  }
  return false;
}

bool GradientReducer::had_nonfinite_input() const {
  for (const auto& bucket : buckets_) {
    if (bucket.input_sum.defined() && !std::isfinite(bucket.input_sum.item<double>())) return true;
  }
  return false;
}

void GradientReducer::note(TraceEvent event, std::size_t index) {
  if (trace_ != nullptr) trace_->push_back({event, index, Clock::now()});
}

}  // namespace trireme
