#include "parallel/replica.h"

#include <torch/torch.h>

#include <sstream>
#include <unordered_set>

#include "deferred/deferred_values.h"
#include "tensors/tensor_stream.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/as_buffer.h"

namespace trireme {
namespace {

// `seen` is shared by parameters and buffers.
template <typename Items>
std::vector<NamedParameter> collect(const Items& items, std::unordered_set<void*>& seen) {
  std::vector<NamedParameter> result;
  for (const auto& item : items) {
    at::Tensor tensor = item.value();
    if (!tensor.defined() || !seen.insert(tensor.unsafeGetTensorImpl()).second) continue;
    if (!tensor.is_contiguous()) tensor.set_data(tensor.contiguous());
    result.push_back({item.key(), tensor});
  }
  return result;
}

std::string describe(const std::vector<NamedParameter>& tensors) {
  std::ostringstream out;
  for (const auto& [name, tensor] : tensors) {
    out << name << ' ' << tensor.sizes() << ' ' << tensor.scalar_type() << (tensor.requires_grad() ? "" : " frozen")
        << (has_memory(tensor) ? "" : " deferred") << '\n';
  }
  return std::move(out).str();
}

// The first lines that differ; empty when there are none.
std::pair<std::string, std::string> first_difference(const std::string& ours, const std::string& theirs) {
  std::istringstream left(ours);
  std::istringstream right(theirs);
  while (true) {
    std::string a;
    std::string b;
    const bool more = static_cast<bool>(std::getline(left, a)) | static_cast<bool>(std::getline(right, b));
    if (!more || a != b) return {a.empty() ? "nothing" : a, b.empty() ? "nothing" : b};
  }
}

}  // namespace

Replica read_replica(torch::nn::Module& module) {
  at::NoGradGuard no_grad;
  std::unordered_set<void*> seen;
  Replica replica;
  replica.parameters = collect(module.named_parameters(), seen);
  replica.buffers = collect(module.named_buffers(), seen);
  return replica;
}

void materialize_whole(Replica& replica, bool is_sharded) {
  for (auto& [name, tensor] : replica.parameters) {
    if (!is_sharded || !tensor.requires_grad()) materialize(tensor);
  }
  for (auto& [name, tensor] : replica.buffers) materialize(tensor);
}

void move_to(Replica& replica, c10::Device device) {
  at::NoGradGuard no_grad;
  const auto move = [&](at::Tensor& tensor) {
    if (tensor.device() == device) return;
    const auto options = tensor.options().device(device).requires_grad(false);
    tensor.set_data(has_memory(tensor) ? tensor.detach().to(device)
                                       : unbacked(tensor.sizes(), options, deferred_values(tensor)));
  };
  for (auto& [name, tensor] : replica.parameters) move(tensor);
  for (auto& [name, tensor] : replica.buffers) move(tensor);
}

std::vector<NamedParameter> select(const Replica& replica, bool trained) {
  std::vector<NamedParameter> result;
  for (const auto& parameter : replica.parameters) {
    if ((parameter.tensor.requires_grad() && parameter.tensor.numel() > 0) == trained) result.push_back(parameter);
  }
  return result;
}

std::vector<NamedParameter> trainable(const Replica& replica) {
  auto result = select(replica, true);
  if (!result.empty()) return result;
  throw ConfigError(
      "The model has no parameter that requires a gradient, so there is nothing to train. Call requires_grad_() on "
      "those to train before making Parallel.");
}

void require_same_model(const Replica& replica, collectives::Communicator& communicator) {
  const auto mine = describe(replica.parameters) + describe(replica.buffers);
  const auto all = communicator.all_gather_bytes(mine);
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    const auto [first, other] = first_difference(all[0], all[rank]);
    throw MismatchError(
        message("The ranks' models differ: rank 0 has \"{}\" where rank {} has \"{}\". Build the same model "
                "on every rank.",
                first, rank, other));
  }
}

void broadcast_tensors(const std::vector<NamedParameter>& tensors, collectives::Communicator& communicator,
                       collectives::Timeout timeout) {
  for (auto& [name, tensor] : tensors) {
    if (tensor.numel() == 0 || !has_memory(tensor)) continue;
    wait_for(*communicator.broadcast(as_bytes(tensor), 0, move_behind(tensor, timeout)), tensor);
  }
}

void broadcast_replica(Replica& replica, collectives::Communicator& communicator, collectives::Timeout timeout) {
  at::NoGradGuard no_grad;
  broadcast_tensors(replica.parameters, communicator, timeout);
  broadcast_tensors(replica.buffers, communicator, timeout);
}

}  // namespace trireme
