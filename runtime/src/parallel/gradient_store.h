#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "parallel/bucket_plan.h"
#include "trireme/collectives/communicator.h"
#include "trireme/runtime/zero.h"
#include "zero/shard_groups.h"

namespace trireme {

// Where the gradients of the buckets live while backward runs, and how they are summed over the ranks.
//
// Buckets are posted in the order 0, 1, 2, … on every rank. One thread.
class GradientStore {
 public:
  virtual ~GradientStore() = default;
  // The bucket's flat memory, to be filled before post(). May block until memory is free.
  [[nodiscard]] virtual at::Tensor open(std::size_t bucket) = 0;
  // True: open() gives the same memory until the next forget(), so gradients may stay there and be added to. False:
  // each pass is reduced by itself, and the store adds up the sums.
  [[nodiscard]] virtual bool keeps_gradients() const noexcept = 0;
  virtual void post(std::size_t bucket) = 0;
  // Moves on what was posted, without blocking.
  virtual void poll() = 0;
  virtual void wait(std::size_t bucket) = 0;
  // What this rank has of the bucket's sums after wait(): all of it, or its block. Always the same memory.
  [[nodiscard]] virtual at::Tensor sums(std::size_t bucket) const = 0;
  // The sums were used; the next ones begin anew.
  virtual void forget() = 0;
};

struct GradientStoreOptions {
  Zero zero = Zero::kOff;
  collectives::Timeout timeout = collectives::kDefaultTimeout;
  // Where units are gathered between buckets: moves these gathers on, without blocking.
  std::function<void()> poll_gathers = nullptr;
};

// Collective: allocates from the communicators of `groups`, which must outlive the store.
[[nodiscard]] std::unique_ptr<GradientStore> make_gradient_store(const std::vector<BucketLayout>& buckets,
                                                                 const ShardGroups& groups,
                                                                 const GradientStoreOptions& options);

}  // namespace trireme
