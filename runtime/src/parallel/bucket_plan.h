#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace trireme {

// What the plan needs to know of a parameter. `kind` and `unit` separate what cannot share a bucket: the dtype that it
// computes in, and the block whose parameters are gathered together. Equal kinds have equal gradient kinds.
struct BucketItem {
  std::int64_t elements = 0;
  std::int64_t element_bytes = 4;  // of the gradient
  int kind = 0;
  int unit = 0;           // below 0: none, and these come last
  int gradient_kind = 0;  // the dtype that its gradient is reduced in
};

// A parameter's place in a bucket, in elements from the bucket's start.
struct BucketPlace {
  std::size_t item = 0;
  std::int64_t offset = 0;
  std::int64_t elements = 0;
  friend bool operator==(const BucketPlace&, const BucketPlace&) = default;
};

struct BucketLayout {
  int kind = 0;
  int gradient_kind = 0;
  int unit = 0;
  std::int64_t elements = 0;  // with padding between and behind places: a multiple of the shards
  std::vector<BucketPlace> places;
  friend bool operator==(const BucketLayout&, const BucketLayout&) = default;
};

struct BucketLimits {
  std::size_t first_bytes = std::size_t{1} << 20;
  std::size_t bytes = std::size_t{4} << 20;
  int shards = 1;  // equal blocks that every bucket can be cut into
};

// Packs parameters into buckets in the order in which backward produces their gradients: `items` in order of
// registration, so the last one comes first. Pure.
//
// A bucket is closed when the next item would pass the limit or is of another kind or unit; an item above the limit
// gets a bucket of its own. The first bucket is small, so that communication starts early. Places and blocks start on
// cache lines.
[[nodiscard]] std::vector<BucketLayout> plan_buckets(const std::vector<BucketItem>& items, const BucketLimits& limits);

// The same for a known order: `order` has the indices of the items whose gradients come first, second, …; an item that
// is not in it gets no place.
[[nodiscard]] std::vector<BucketLayout> plan_buckets(const std::vector<BucketItem>& items,
                                                     const std::vector<std::size_t>& order, const BucketLimits& limits);

// Consecutive elements of a parameter that lie in one block of a bucket.
struct PartPlace {
  std::size_t item = 0;
  std::int64_t item_offset = 0;    // from the parameter's first element
  std::int64_t bucket_offset = 0;  // from the bucket's first element
  std::int64_t elements = 0;
  friend bool operator==(const PartPlace&, const PartPlace&) = default;
};

// What lies in block `shard` of `shards` equal ones. Padding and parameters without elements are left out. Pure.
[[nodiscard]] std::vector<PartPlace> parts_of_shard(const BucketLayout& bucket, int shards, int shard);

}  // namespace trireme
