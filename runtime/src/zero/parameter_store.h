#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "parallel/bucket_plan.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/parameter_part.h"
#include "zero/shard_groups.h"

namespace trireme {

// Where the trainable parameters live, and how what one rank writes reaches the others.
//
// Between settle() and the end of backward on all ranks nobody writes; where ranks share memory, a write at another
// time would be read by a rank that still computes.
class ParameterStore {
 public:
  virtual ~ParameterStore() = default;
  // The live elements of a part of this rank's shard. Always the same memory.
  [[nodiscard]] virtual at::Tensor elements(std::size_t bucket, const PartPlace& part) = 0;
  // Collective. A copy of all elements of a bucket.
  [[nodiscard]] virtual at::Tensor whole(std::size_t bucket) = 0;
  // This rank writes elements from here to settle(). All ranks are done with the parameters' values.
  virtual void begin_writes() {}
  // Collective, in the order of the buckets: this rank has written its elements of `bucket`.
  virtual void publish(std::size_t bucket) = 0;
  // Collective. What was published is visible to all, and autograd knows of it.
  virtual void settle() = 0;
  // Received from other ranks so far.
  [[nodiscard]] virtual std::int64_t gathered_bytes() const noexcept = 0;
  // Waits for gathers are appended to `trace`; null ends it.
  void record_trace(std::vector<TraceEntry>* trace) noexcept { trace_ = trace; }

 protected:
  void note(TraceEvent event, std::size_t index) const {
    if (trace_ != nullptr) trace_->push_back({event, index, std::chrono::steady_clock::now()});
  }

 private:
  std::vector<TraceEntry>* trace_ = nullptr;
};

struct ParameterStoreInput {
  const std::vector<NamedParameter>* parameters = nullptr;  // equal on all ranks, or without memory; outlive the store
  const std::vector<BucketLayout>* buckets = nullptr;       // outlive the store
  const ShardGroups* groups = nullptr;                      // outlive the store
  collectives::Timeout timeout = collectives::kDefaultTimeout;
  bool guard_parameters = false;  // ParallelOptions::guard_parameters
};

// The parameters stay where they are, whole on every rank.
[[nodiscard]] std::unique_ptr<ParameterStore> make_replicated_parameters(const ParameterStoreInput& input);

// Collective. Moves the parameters into buckets of communicator memory: whole on every rank, or one copy for the ranks
// of a node.
[[nodiscard]] std::unique_ptr<ParameterStore> make_flat_parameters(const ParameterStoreInput& input);

// Autograd learns that the parameters changed, which it cannot see when another rank or a kernel writes them. Without
// it, a gradient made from a saved old value would be wrong without an error.
void bump_versions(const std::vector<NamedParameter>& parameters);

}  // namespace trireme
