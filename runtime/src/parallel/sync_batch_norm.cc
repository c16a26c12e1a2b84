#include "trireme/runtime/sync_batch_norm.h"

#include <torch/torch.h>

#include "tensors/tensor_stream.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/as_buffer.h"

namespace trireme {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// How autograd keeps the communicator until backward.
struct HeldRanks final : torch::CustomClassHolder {
  explicit HeldRanks(std::shared_ptr<collectives::Communicator> held) : ranks(std::move(held)) {}
  std::shared_ptr<collectives::Communicator> ranks;
};

// All but the channels.
std::vector<std::int64_t> reduced_dimensions(const at::Tensor& input) {
  std::vector<std::int64_t> result;
  for (std::int64_t d = 0; d < input.dim(); ++d) {
    if (d != 1) result.push_back(d);
  }
  return result;
}

at::Tensor along_channels(const at::Tensor& per_channel, const at::Tensor& input) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(input.dim()), 1);
  sizes[1] = input.size(1);
  return per_channel.to(input.scalar_type()).view(sizes);
}

struct Statistics {
  at::Tensor mean;      // [channels], float64
  at::Tensor squares;   // of the distances from the mean, summed; likewise
  double elements = 0;  // of a channel
};

Statistics own_statistics(const at::Tensor& input) {
  const auto channels = input.size(1);
  const auto elements = channels > 0 ? input.numel() / channels : 0;
  const auto zeros = [&] { return at::zeros({channels}, input.options().dtype(at::kDouble)); };
  if (elements == 0) return {zeros(), zeros(), 0};
  const auto [variance, mean] = at::var_mean(input.detach(), reduced_dimensions(input), c10::Scalar(0));
  return {mean.to(at::kDouble), variance.to(at::kDouble) * elements, static_cast<double>(elements)};
}

// Combined in rank order, so that all ranks have the same bits (Chan, Golub, LeVeque 1979).
Statistics statistics_of_all(const at::Tensor& input, collectives::Communicator& ranks) {
  const auto own = own_statistics(input);
  const auto channels = own.mean.numel();
  const auto sent = at::cat({own.mean, own.squares, at::full({1}, own.elements, own.mean.options())});
  const auto all = at::empty({ranks.size(), sent.numel()}, sent.options());
  wait_for(*ranks.all_gather(as_buffer(sent), as_buffer(all), move_behind(sent, collectives::kDefaultTimeout)), all);
  Statistics total{at::zeros_like(own.mean), at::zeros_like(own.mean), 0};
  const auto elements = all.select(1, 2 * channels);
  total.elements = elements.sum().item<double>();
  if (total.elements == 0) throw Error("A batch norm over all ranks got no row on any rank.");
  for (std::int64_t rank = 0; rank < ranks.size(); ++rank) {
    total.mean += all[rank].narrow(0, 0, channels) * elements[rank] / total.elements;
  }
  for (std::int64_t rank = 0; rank < ranks.size(); ++rank) {
    const auto distance = all[rank].narrow(0, 0, channels) - total.mean;
    total.squares += all[rank].narrow(0, channels, channels) + distance.square() * elements[rank];
  }
  return total;
}

// Without weight and bias, which autograd applies.
struct Normalise : torch::autograd::Function<Normalise> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& mean,
                            const at::Tensor& inverse_deviation, double elements,
                            const std::shared_ptr<collectives::Communicator>& ranks) {
    context->save_for_backward({input, mean, inverse_deviation});
    context->saved_data["elements"] = elements;
    context->saved_data["ranks"] = c10::IValue::make_capsule(c10::make_intrusive<HeldRanks>(ranks));
    return (input - along_channels(mean, input)) * along_channels(inverse_deviation, input);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto& [input, mean, inverse_deviation] = std::tie(saved[0], saved[1], saved[2]);
    const auto held = c10::static_intrusive_pointer_cast<HeldRanks>(context->saved_data["ranks"].toCapsule());
    const auto& gradient = gradients[0];
    const auto dimensions = reduced_dimensions(input);
    const auto scale = along_channels(inverse_deviation, input);
    const auto normal = (input - along_channels(mean, input)) * scale;
    const auto sums = at::stack({gradient.sum(dimensions), (gradient * normal).sum(dimensions)}).to(at::kDouble);
    wait_for(*held->ranks->all_reduce(as_buffer(sums), reduce_behind(sums, collectives::kDefaultTimeout)), sums);
    sums.div_(context->saved_data["elements"].toDouble());
    const auto own = gradient - along_channels(sums[0], input) - normal * along_channels(sums[1], input);
    return {own * scale, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

template <typename Plain, typename Synced>
bool replace(const torch::nn::Module& module, const std::string& name, torch::nn::Sequential& result,
             const std::shared_ptr<collectives::Communicator>& ranks) {
  const auto* plain = dynamic_cast<const Plain*>(&module);
  if (plain == nullptr) return false;
  const torch::NoGradGuard no_grad;
  auto synced = std::make_shared<Synced>(plain->options, ranks);
  const auto parameters = synced->named_parameters();
  for (const auto& item : plain->named_parameters()) {
    parameters[item.key()].copy_(item.value()).requires_grad_(item.value().requires_grad());
  }
  const auto buffers = synced->named_buffers();
  for (const auto& item : plain->named_buffers()) buffers[item.key()].copy_(item.value());
  synced->train(plain->is_training());
  result->push_back(name, std::move(synced));
  return true;
}

}  // namespace

at::Tensor detail::sync_batch_norm(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                                   double epsilon, const std::shared_ptr<collectives::Communicator>& ranks,
                                   at::Tensor& mean, at::Tensor& variance) {
  const auto total = statistics_of_all(input, *ranks);
  mean = total.mean;
  variance = total.squares / std::max(total.elements - 1, 1.0);
  const auto inverse_deviation = (total.squares / total.elements + epsilon).rsqrt();
  const auto normal = Normalise::apply(input, total.mean, inverse_deviation, total.elements, ranks);
  return weight.defined() ? normal * along_channels(weight, input) + along_channels(bias, input) : normal;
}

void detail::require_dimensions(const at::Tensor& input, std::size_t least, std::size_t most) {
  const auto dimensions = static_cast<std::size_t>(input.dim());
  if (dimensions >= least && dimensions <= most) return;
  throw ConfigError(message("This batch norm takes inputs of {} to {} dimensions, [rows, channels, …]; it got {}.",
                            least, most, dimensions));
}

torch::nn::Sequential with_sync_batch_norm(const torch::nn::Sequential& model,
                                           const std::shared_ptr<collectives::Communicator>& ranks) {
  torch::nn::Sequential result;
  auto any = model->begin();
  for (const auto& item : model->named_children()) {
    const auto& module = *item.value();
    const bool is_replaced =
        replace<torch::nn::BatchNorm1dImpl, SyncBatchNorm1dImpl>(module, item.key(), result, ranks) ||
        replace<torch::nn::BatchNorm2dImpl, SyncBatchNorm2dImpl>(module, item.key(), result, ranks) ||
        replace<torch::nn::BatchNorm3dImpl, SyncBatchNorm3dImpl>(module, item.key(), result, ranks);
    if (!is_replaced) result->push_back(item.key(), *any);
    ++any;
  }
  result->train(model->is_training());
  return result;
}

}  // namespace trireme
