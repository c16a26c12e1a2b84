#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <utility>

#include "trireme/collectives/communicator.h"

// Batch norm over the batches of all ranks, for shares too small to take statistics from.
namespace trireme {

namespace detail {
// input: [rows, channels, …], rows may be 0; weight and bias: [channels], or undefined. Collective, and so is its
// backward pass. `mean` and `variance` (unbiased) get the statistics of all ranks' rows together, [channels].
at::Tensor sync_batch_norm(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, double epsilon,
                           const std::shared_ptr<collectives::Communicator>& ranks, at::Tensor& mean,
                           at::Tensor& variance);
void require_dimensions(const at::Tensor& input, std::size_t least, std::size_t most);
}  // namespace detail

// A torch::nn::BatchNorm (same options, parameter and buffer names, so checkpoints fit both) whose statistics in
// training, and their gradients, are those of the rows of all ranks. In eval() it is a plain batch norm.
//
// `ranks` is shared by the layers of a model and should serve nothing else, because gradients of other layers are
// reduced at the same time: context.communicator().split(0, context.rank()).
// Collective in training: every rank runs forward, and backward where one does, in the same order.
template <std::size_t D, typename Derived>
class SyncBatchNormImplBase : public torch::nn::BatchNormImplBase<D, Derived> {
 public:
  SyncBatchNormImplBase(const torch::nn::BatchNormOptions& chosen, std::shared_ptr<collectives::Communicator> ranks)
      : torch::nn::BatchNormImplBase<D, Derived>(chosen), ranks_(std::move(ranks)) {}

  at::Tensor forward(const at::Tensor& input) {
    if (!this->is_training()) return torch::nn::BatchNormImplBase<D, Derived>::forward(input);
    this->_check_input_dim(input);
    at::Tensor mean;
    at::Tensor variance;
    auto output = detail::sync_batch_norm(input, this->weight, this->bias, this->options.eps(), ranks_, mean, variance);
    if (this->options.track_running_stats()) follow(mean, variance);
    return output;
  }

 private:
  void follow(const at::Tensor& mean, const at::Tensor& variance) {
    const c10::NoGradGuard no_grad;
    this->num_batches_tracked += 1;
    const double share =
        this->options.momentum().value_or(1.0 / static_cast<double>(this->num_batches_tracked.template item<long>()));
    this->running_mean.mul_(1 - share).add_(mean, share);
    this->running_var.mul_(1 - share).add_(variance, share);
  }

  std::shared_ptr<collectives::Communicator> ranks_;
};

// input: [rows, channels] or [rows, channels, length]
class SyncBatchNorm1dImpl : public SyncBatchNormImplBase<1, SyncBatchNorm1dImpl> {
 public:
  using SyncBatchNormImplBase::SyncBatchNormImplBase;
  void _check_input_dim(const at::Tensor& input) override { detail::require_dimensions(input, 2, 3); }
};
TORCH_MODULE(SyncBatchNorm1d);

// input: [rows, channels, height, width]
class SyncBatchNorm2dImpl : public SyncBatchNormImplBase<2, SyncBatchNorm2dImpl> {
 public:
  using SyncBatchNormImplBase::SyncBatchNormImplBase;
  void _check_input_dim(const at::Tensor& input) override { detail::require_dimensions(input, 4, 4); }
};
TORCH_MODULE(SyncBatchNorm2d);

// input: [rows, channels, depth, height, width]
class SyncBatchNorm3dImpl : public SyncBatchNormImplBase<3, SyncBatchNorm3dImpl> {
 public:
  using SyncBatchNormImplBase::SyncBatchNormImplBase;
  void _check_input_dim(const at::Tensor& input) override { detail::require_dimensions(input, 5, 5); }
};
TORCH_MODULE(SyncBatchNorm3d);

// A Sequential of the same modules, but with a SyncBatchNorm of the same values in place of each BatchNorm. Modules of
// other types stay as they are, and with them what they hold: LibTorch's forward() is not virtual and members are
// typed, so a BatchNorm member cannot be replaced from outside; declare it as SyncBatchNorm there.
[[nodiscard]] torch::nn::Sequential with_sync_batch_norm(const torch::nn::Sequential& model,
                                                         const std::shared_ptr<collectives::Communicator>& ranks);

}  // namespace trireme
