#include "parallel/bucket_plan.h"

#include <algorithm>
#include <numeric>

namespace trireme {
namespace {

// Two cache lines of float32, one of the 2-byte types: gradients and parameters of unlike dtypes share one layout.
constexpr std::int64_t kAlignment = 32;

std::int64_t round_up(std::int64_t elements, std::int64_t multiple) {
  return (elements + multiple - 1) / multiple * multiple;
}

bool fits(const BucketLayout& bucket, const BucketItem& item, std::size_t limit) {
  if (bucket.places.empty()) return true;
  if (bucket.kind != item.kind || bucket.unit != item.unit) return false;
  return (bucket.elements + item.elements) * item.element_bytes <= static_cast<std::int64_t>(limit);
}

}  // namespace

std::vector<BucketLayout> plan_buckets(const std::vector<BucketItem>& items, const BucketLimits& limits) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  return plan_buckets(items, order, limits);
}

std::vector<BucketLayout> plan_buckets(const std::vector<BucketItem>& items, const std::vector<std::size_t>& order,
                                       const BucketLimits& limits) {
  std::vector<BucketLayout> buckets;
  BucketLayout open;
  const auto close = [&] {
    open.elements = round_up(open.elements, kAlignment * limits.shards);
    buckets.push_back(std::move(open));
    open = {};
  };
  const auto place = [&](std::size_t index) {
    const auto& item = items[index];
    if (!fits(open, item, buckets.empty() ? limits.first_bytes : limits.bytes)) close();
    open.kind = item.kind;
    open.gradient_kind = item.gradient_kind;
    open.unit = item.unit;
    open.places.push_back({index, open.elements, item.elements});
    open.elements += round_up(item.elements, kAlignment);
  };
  for (const bool in_unit : {true, false}) {
    for (const auto index : order) {
      if ((items[index].unit >= 0) == in_unit) place(index);
    }
  }
  if (!open.places.empty()) close();
  return buckets;
}

std::vector<PartPlace> parts_of_shard(const BucketLayout& bucket, int shards, int shard) {
  const auto block = bucket.elements / shards;
  const auto begin = block * shard;
  std::vector<PartPlace> parts;
  for (const auto& place : bucket.places) {
    const auto first = std::max(place.offset, begin);
    const auto last = std::min(place.offset + place.elements, begin + block);
    if (first < last) parts.push_back({place.item, first - place.offset, first, last - first});
  }
  return parts;
}

}  // namespace trireme
