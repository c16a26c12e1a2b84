#pragma once

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

#include "parallel/bucket_plan.h"
#include "trireme/runtime/parallel.h"
#include "zero/unit_map.h"

// From a model's parameters to the plan of its buckets.
namespace trireme {

// Throws ConfigError for what only Zero::kOff can do.
void require_plain(const ParallelOptions& options, const std::vector<bool>& is_sparse,
                   const std::vector<NamedParameter>& parameters);

// `order` without those that have no place in a bucket.
[[nodiscard]] std::vector<std::size_t> bucketed(const std::vector<std::size_t>& order,
                                                const std::vector<bool>& is_sparse);

[[nodiscard]] std::vector<at::ScalarType> current_dtypes(const std::vector<NamedParameter>& parameters);

// `dtypes`: what the parameters compute in; `order`: the indices of those to place, the first gradient's first.
[[nodiscard]] std::vector<BucketLayout> plan(const std::vector<NamedParameter>& parameters,
                                             const std::vector<at::ScalarType>& dtypes,
                                             const std::vector<std::size_t>& order, const UnitMap& units,
                                             const ParallelOptions& options, int shards);

// The bucket, and the place in it. Throws Error for a parameter that has none.
[[nodiscard]] std::pair<std::size_t, BucketPlace> place_of(std::size_t parameter,
                                                           const std::vector<BucketLayout>& buckets);

}  // namespace trireme
