#include "parallel/bucket_plan.h"

namespace trireme {
namespace {

constexpr std::int64_t kCacheLine = 64;

std::int64_t aligned_elements(std::int64_t elements, std::int64_t element_bytes) {
  const auto line = kCacheLine / element_bytes;
  return (elements + line - 1) / line * line;
}

bool fits(const BucketLayout& bucket, const BucketItem& item, std::size_t limit) {
  if (bucket.places.empty()) return true;
  if (bucket.kind != item.kind) return false;
  return (bucket.elements + item.elements) * item.element_bytes <= static_cast<std::int64_t>(limit);
}

}  // namespace

std::vector<BucketLayout> plan_buckets(const std::vector<BucketItem>& items, const BucketLimits& limits) {
  std::vector<BucketLayout> buckets;
  BucketLayout open;
  for (std::size_t left = items.size(); left > 0; --left) {
    const auto& item = items[left - 1];
    if (!fits(open, item, buckets.empty() ? limits.first_bytes : limits.bytes)) {
      buckets.push_back(std::move(open));
      open = {};
    }
    open.kind = item.kind;
    open.places.push_back({left - 1, open.elements});
    open.elements += aligned_elements(item.elements, item.element_bytes);
  }
  if (!open.places.empty()) buckets.push_back(std::move(open));
  return buckets;
}

}  // namespace trireme
