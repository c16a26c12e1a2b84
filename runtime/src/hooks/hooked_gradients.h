#pragma once

#include <memory>
#include <vector>

#include "parallel/gradient_store.h"
#include "trireme/runtime/comm_hook.h"
#include "trireme/runtime/parameter_part.h"

namespace trireme {

// Collective. Plain data parallel whose buckets `hook` sums. `world` and `hook` outlive the store.
[[nodiscard]] std::unique_ptr<GradientStore> make_hooked_gradients(const std::vector<NamedParameter>& parameters,
                                                                   const std::vector<BucketLayout>& buckets,
                                                                   collectives::Communicator& world, CommHook& hook,
                                                                   collectives::Timeout timeout);

}  // namespace trireme
