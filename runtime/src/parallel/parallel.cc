#include "trireme/runtime/parallel.h"

#include <torch/torch.h>

#include <cmath>

#include "parallel/gradient_reducer.h"
#include "parallel/ownership.h"
#include "parallel/replica.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

std::vector<NamedParameter> trainable(const Replica& replica) {
  std::vector<NamedParameter> result;
  for (const auto& parameter : replica.parameters) {
    if (parameter.tensor.requires_grad()) result.push_back(parameter);
  }
  return result;
}

std::vector<TensorExtent> extents(const std::vector<NamedParameter>& tensors) {
  std::vector<TensorExtent> result;
  for (const auto& [name, tensor] : tensors) result.push_back({tensor.numel(), tensor.element_size()});
  return result;
}

TensorSlice slice_of(const NamedParameter& source, const OwnedPiece& piece, int rank) {
  const auto flat = source.tensor.detach().view(-1);
  return {source.name, source.tensor.sizes().vec(), piece.first, flat.narrow(0, piece.first, piece.elements),
          piece.owner == rank};
}

}  // namespace

struct ParallelModule::State {
  State(std::shared_ptr<torch::nn::Module> wrapped, collectives::Communicator& communicator,
        const ParallelOptions& options)
      : module(std::move(wrapped)),
        replica(synchronised(*module, communicator, options)),
        reducer(trainable(replica), communicator, options) {}

  static Replica synchronised(torch::nn::Module& module, collectives::Communicator& communicator,
                              const ParallelOptions& options) {
    auto replica = read_replica(module);
    require_same_model(replica, communicator);
    broadcast_replica(replica, communicator, options.timeout);
    return replica;
  }

  std::shared_ptr<torch::nn::Module> module;
  Replica replica;
  GradientReducer reducer;
  int no_sync_guards = 0;
};

ParallelModule::ParallelModule(std::shared_ptr<torch::nn::Module> module, TrainContext& context,
                               const ParallelOptions& options)
    : context_(context), state_(std::make_unique<State>(std::move(module), context.communicator(), options)) {}

ParallelModule::~ParallelModule() = default;

void ParallelModule::backward(const at::Tensor& loss, double weight) {
  auto& reducer = state_->reducer;
  if (reducer.holds_sums()) {
    throw Error(
        "backward() was called while the gradients of the last step are still there. Call zero_grad() after the "
        "optimizer's step, or hold no_sync() during all but the last backward of a step.");
  }
  const bool reduces = state_->no_sync_guards == 0;
  reducer.begin(reduces ? GradientReducer::Mode::kReduce : GradientReducer::Mode::kAccumulate);
  struct End {
    GradientReducer& reducer;
    ~End() { reducer.end(); }
  } end{reducer};
  if (weight != 0) (weight == 1 ? loss : loss * weight).backward();
  if (reduces) reducer.finish();
}

void ParallelModule::zero_grad() { state_->reducer.drop_gradients(); }

ParallelModule::NoSync::NoSync(ParallelModule& parallel) : parallel_(parallel) { ++parallel_.state_->no_sync_guards; }
ParallelModule::NoSync::~NoSync() { --parallel_.state_->no_sync_guards; }

const std::vector<NamedParameter>& ParallelModule::parameters() const noexcept { return state_->reducer.parameters(); }

double ParallelModule::gradient_norm() const {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const auto& [name, tensor] : parameters()) {
    if (tensor.grad().defined() && tensor.numel() > 0) gradients.push_back(tensor.grad());
  }
  if (gradients.empty()) return 0;
  double squares = 0;
  for (const auto& norm : at::_foreach_norm(gradients, 2)) squares += std::pow(norm.item<double>(), 2);
  return std::sqrt(squares);
}

std::string ParallelModule::explain_nonfinite_gradient() {
  const auto answers = context_.communicator().all_gather_bytes(state_->reducer.had_nonfinite_input() ? "bad" : "");
  std::string ranks;
  for (std::size_t rank = 0; rank < answers.size(); ++rank) {
    if (!answers[rank].empty()) ranks += (ranks.empty() ? "from rank " : ", ") + std::to_string(rank);
  }
  if (ranks.empty()) ranks = "from the sum over the ranks, each of which had finite values";
  for (const auto& [name, tensor] : parameters()) {
    if (!tensor.grad().defined() || at::isfinite(tensor.grad()).all().item<bool>()) continue;
    return message("the gradient of {} is not finite, {}", name, ranks);
  }
  return message("the norm of the gradients overflowed, {}", ranks);
}

const BackwardTimes& ParallelModule::last_backward() const noexcept { return state_->reducer.times(); }
const CollectiveStatus& ParallelModule::last_collective() const noexcept { return state_->reducer.last_collective(); }
void ParallelModule::record_trace(std::vector<TraceEntry>* trace) noexcept { state_->reducer.record_trace(trace); }

std::vector<TensorSlice> ParallelModule::tensor_slices() {
  const auto& [parameters, buffers] = state_->replica;
  std::vector<TensorSlice> slices;
  for (const auto& piece : share_ownership(extents(parameters), context_.world_size())) {
    slices.push_back(slice_of(parameters[piece.tensor], piece, context_.rank()));
  }
  for (const auto& buffer : buffers) {
    slices.push_back(slice_of(buffer, {0, 0, buffer.tensor.numel(), 0}, context_.rank()));
  }
  return slices;
}

}  // namespace trireme
