#pragma once

#include <cstdint>
#include <span>

#include "trireme/collectives/buffer.h"

namespace trireme::collectives {

// output[i] = pieces[0][i] op pieces[1][i] op …, in this order, for `count` elements.
//
// bf16 and fp16 are reduced in fp32 and rounded once; integers wrap around. Min and max give NaN where any piece has
// one. `output` may be one of the pieces. No address needs to be aligned.
void reduce_in_order(std::span<const void* const> pieces, void* output, std::int64_t count, Dtype dtype, ReduceOp op);

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
