#include "trireme/runtime/join.h"

#include <torch/torch.h>

#include "trireme/base/error.h"

namespace trireme {

bool Join::next(std::int64_t samples) {
  samples_ = samples;
  global_samples_ = samples;
  parallel_.context().communicator().all_reduce(collectives::view(&global_samples_, 1))->wait();
  return global_samples_ > 0;
}

double Join::backward(const at::Tensor& loss) {
  if (!has_batch() && !loss.defined() && parallel_.gathers_units()) {
    throw Error(
        "This rank has run out of batches, but the others gather parameters for each unit they run. Pass the loss of "
        "any batch to Join::backward(), it counts nothing; or use another stage than Zero::kParameters, or sharing.");
  }
  double sum = has_batch() ? loss.item<double>() * weight() : 0;
  parallel_.backward(loss, weight());
  parallel_.context().communicator().all_reduce(collectives::view(&sum, 1))->wait();
  return sum;
}

}  // namespace trireme
