#pragma once

#include <cstdint>
#include <span>

#include "trireme/collectives/buffer.h"

namespace trireme::collectives {

// outputs[k][i] = pieces[0][i] op pieces[1][i] op …, in this order, for `count` elements and every k.
//
// bf16 and fp16 are reduced in fp32 and rounded once; integers wrap around. Min and max give NaN where any piece has
// one. An output may be one of the pieces. No address needs to be aligned. The widest vectors that the processor has
// are chosen at run time; the results do not depend on them.
void reduce_in_order(std::span<const void* const> pieces, std::span<void* const> outputs, std::int64_t count,
                     Dtype dtype, ReduceOp op);
inline void reduce_in_order(std::span<const void* const> pieces, void* output, std::int64_t count, Dtype dtype,
                            ReduceOp op) {
  reduce_in_order(pieces, std::span<void* const>(&output, 1), count, dtype, op);
}

// Elements [first, first + length) of `count` that rank `owner` of `ranks` reduces.
struct Slice {
  std::int64_t first = 0;
  std::int64_t length = 0;
};
[[nodiscard]] constexpr Slice slice_of(std::int64_t count, int owner, int ranks) noexcept {
  const auto begin = count / ranks * owner + count % ranks * owner / ranks;
  const auto end = count / ranks * (owner + 1) + count % ranks * (owner + 1) / ranks;
  return {begin, end - begin};
}

}  // namespace trireme::collectives
