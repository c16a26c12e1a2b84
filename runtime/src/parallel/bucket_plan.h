#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace trireme {

// What the plan needs to know of a parameter. `kind` separates what cannot share a bucket (the dtype).
struct BucketItem {
  std::int64_t elements = 0;
  std::int64_t element_bytes = 4;
  int kind = 0;
};

// A parameter's place in a bucket, in elements from the bucket's start.
struct BucketPlace {
  std::size_t item = 0;
  std::int64_t offset = 0;
};

struct BucketLayout {
  int kind = 0;
  std::int64_t elements = 0;  // with padding between places
  std::vector<BucketPlace> places;
};

struct BucketLimits {
  std::size_t first_bytes = std::size_t{1} << 20;
  std::size_t bytes = std::size_t{4} << 20;
};

// Packs parameters into buckets in the order in which backward produces their gradients: `items` in order of
// registration, so the last one comes first. Pure.
//
// A bucket is closed when the next item would pass the limit or is of another kind; an item above the limit gets a
// bucket of its own. The first bucket is small, so that communication starts early. Places start on cache lines.
[[nodiscard]] std::vector<BucketLayout> plan_buckets(const std::vector<BucketItem>& items, const BucketLimits& limits);

}  // namespace trireme
