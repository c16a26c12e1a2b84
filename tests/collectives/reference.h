#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "trireme/collectives/buffer.h"

// Made-up inputs that every rank can compute for every other, and the plainest code for what operations must give.
namespace trireme::collectives::test {

inline constexpr Dtype kAllDtypes[] = {Dtype::kUint8,    Dtype::kInt32,   Dtype::kInt64,  Dtype::kFloat16,
                                       Dtype::kBfloat16, Dtype::kFloat32, Dtype::kFloat64};
inline constexpr ReduceOp kAllReduceOps[] = {ReduceOp::kSum, ReduceOp::kAverage, ReduceOp::kMin, ReduceOp::kMax,
                                             ReduceOp::kProduct};
inline constexpr std::int64_t kSizes[] = {0, 1, 3, 257, 5001};

[[nodiscard]] inline bool is_defined(ReduceOp op, Dtype dtype) {
  return op != ReduceOp::kAverage || is_floating(dtype);
}

// Elements in host memory, at an address that fits their type or, misaligned, one byte behind it.
class Array {
 public:
  Array(Dtype dtype, std::int64_t count, bool is_misaligned = false)
      : bytes_(static_cast<std::size_t>(count) * size_of(dtype) + 1),
        count_(count),
        dtype_(dtype),
        offset_(is_misaligned ? 1 : 0) {}
  [[nodiscard]] Buffer view() { return {bytes_.data() + offset_, count_, dtype_, {}}; }
  [[nodiscard]] Buffer slice(std::int64_t first, std::int64_t length) { return view().slice(first, length); }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] Dtype dtype() const { return dtype_; }
  // The same elements.
  friend bool operator==(const Array& a, const Array& b);

 private:
  std::vector<std::byte> bytes_;
  std::int64_t count_;
  Dtype dtype_;
  std::size_t offset_;
};

// What rank `rank` puts into an operation: pseudo-random, so that another order of sums gives other bits.
[[nodiscard]] Array sample(Dtype dtype, std::int64_t count, int rank, bool is_misaligned = false);
// Elements [first, first + length) of an array.
[[nodiscard]] Array part(Array& whole, std::int64_t first, std::int64_t length);
// From now on groups of as many ranks as these together reduce the ranks of each node first, then the nodes; groups of
// other sizes have one rank on each node.
void set_node_sizes(std::vector<int> sizes);
// The samples of ranks 0..ranks-1 reduced in rank order, one element after the other.
[[nodiscard]] Array reduced_samples(Dtype dtype, std::int64_t count, int ranks, ReduceOp op);
// The samples of ranks 0..ranks-1 one after the other.
[[nodiscard]] Array joined_samples(Dtype dtype, std::int64_t count, int ranks);

}  // namespace trireme::collectives::test
