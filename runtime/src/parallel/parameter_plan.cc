#include "parallel/parameter_plan.h"

#include <torch/torch.h>

#include <algorithm>

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "zero/unit_parameters.h"

namespace trireme {

void require_plain(const ParallelOptions& options, const std::vector<bool>& is_sparse,
                   const std::vector<NamedParameter>& parameters) {
  if (options.zero == Zero::kOff) return;
  const auto stage = message("Zero stage {}", static_cast<int>(options.zero));
  if (options.comm_hook) {
    throw ConfigError(stage + " reduces each gradient to the rank that keeps it, which comm_hook cannot do; use it " +
                      "with Zero::kOff.");
  }
  const auto first = std::find(is_sparse.begin(), is_sparse.end(), true);
  if (first == is_sparse.end()) return;
  throw ConfigError(
      message("{} cannot shard {}, whose gradient is sparse; use Zero::kOff, or make the embedding with "
              "sparse(false).",
              stage, parameters[static_cast<std::size_t>(first - is_sparse.begin())].name));
}

// The order without those that have no place in a bucket.
std::vector<std::size_t> bucketed(const std::vector<std::size_t>& order, const std::vector<bool>& is_sparse) {
  std::vector<std::size_t> result;
  for (const auto index : order) {
    if (!is_sparse[index]) result.push_back(index);
  }
  return result;
}

std::vector<at::ScalarType> current_dtypes(const std::vector<NamedParameter>& parameters) {
  std::vector<at::ScalarType> dtypes;
  for (const auto& parameter : parameters) dtypes.push_back(parameter.tensor.scalar_type());
  return dtypes;
}

std::vector<BucketLayout> plan(const std::vector<NamedParameter>& parameters, const std::vector<at::ScalarType>& dtypes,
                               const std::vector<std::size_t>& order, const UnitMap& units,
                               const ParallelOptions& options, int shards) {
  const bool by_unit = options.zero == Zero::kParameters;
  std::vector<BucketItem> items;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& tensor = parameters[i].tensor;
    const bool is_whole = by_unit && tensor.numel() < options.whole_below_elements;
    const auto gradient = options.reduce_dtype ? dtype_of(*options.reduce_dtype) : dtypes[i];
    items.push_back({.elements = tensor.numel(),
                     .element_bytes = static_cast<std::int64_t>(at::elementSize(gradient)),
                     .kind = static_cast<int>(dtypes[i]),
                     .unit = is_whole ? kWholeUnit : (by_unit ? units.unit_of(tensor) : kRootUnit),
                     .gradient_kind = static_cast<int>(gradient)});
  }
  return plan_buckets(items, order, {options.first_bucket_bytes, options.bucket_bytes, shards});
}

// The bucket, and the place in it.
std::pair<std::size_t, BucketPlace> place_of(std::size_t parameter, const std::vector<BucketLayout>& buckets) {
  for (std::size_t k = 0; k < buckets.size(); ++k) {
    for (const auto& place : buckets[k].places) {
      if (place.item == parameter) return {k, place};
    }
  }
  throw Error(message("There is no parameter {}.", parameter));
}

}  // namespace trireme
