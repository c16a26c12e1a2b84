#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "trireme/collectives/communicator.h"

// How plain data parallel sums gradients, where summing them as they are costs too much: what DDP's register_comm_hook
// does. Given to a Parallel as ParallelOptions::comm_hook.
namespace trireme {

// Gradients that are reduced together: views of communicator memory, valid until the next CommHook::prepare().
struct GradientBucket {
  struct Gradient {
    std::size_t parameter = 0;  // index in ParallelModule::parameters()
    at::Tensor values;          // shaped like the parameter
  };
  std::size_t index = 0;
  at::Tensor values;  // 1-D: all gradients, with zeros between them
  std::vector<Gradient> gradients;
};

// Sums the ranks' gradients. Gradients are weighed already (ParallelModule::backward()), so their plain sum is the
// gradient of the mean over the global batch.
//
// Lifetime: belongs to one Parallel. Threads: that of the Parallel.
// Order: start() for buckets 0, 1, 2, … and then finish() in the same order, on every rank; so collectives that they
// call match, and finish() may call more of them.
class CommHook {
 public:
  virtual ~CommHook() = default;
  // Collective. Which buckets there are: at the start, and once more when they are rebuilt in the order in which
  // gradients really come. `world` outlives the hook's use.
  virtual void prepare(const std::vector<GradientBucket>& buckets, collectives::Communicator& world,
                       collectives::Timeout timeout) = 0;
  // This rank's gradients are there. Posts what can be posted and never blocks, because backward still runs.
  [[nodiscard]] virtual collectives::WorkPtr start(const GradientBucket& bucket) = 0;
  // That work is done. On return bucket.values are the sums, the same bits on all ranks. May block.
  virtual void finish(const GradientBucket& bucket) = 0;
};

// Half the bytes: gradients travel as bfloat16 or float16; their sum is kept in float32 and rounded once.
// float16 has more digits but ends at 65504; a sum beyond it is infinite, and the step is skipped.
[[nodiscard]] std::shared_ptr<CommHook> make_bf16_hook();
[[nodiscard]] std::shared_ptr<CommHook> make_fp16_hook();

// PowerSGD (arXiv:1905.13727): matrices travel as products of two thin ones. What that leaves out is added to the next
// step's gradients of the same rank (error feedback). The error is not kept in checkpoints.
struct PowerSgdOptions {
  std::int64_t rank = 1;  // columns of the thin matrices
  // Steps that are summed exactly first, because early gradients are the worst to approximate. At least 1: the first
  // step finds out the order of the gradients.
  std::int64_t start_iter = 1000;
  // A gradient is compressed when that takes this many times fewer elements; others (biases) are summed exactly.
  double min_compression_rate = 2;
  std::uint64_t seed = 0;  // of the first guess; the same on all ranks
};
// Throws ConfigError naming an option that is out of range.
[[nodiscard]] std::shared_ptr<CommHook> make_power_sgd_hook(const PowerSgdOptions& options = {});

}  // namespace trireme
