#include "kernels/lamb_squares.h"

#include <array>

#include "kernels/target_clones.h"

namespace trireme {
namespace {

constexpr std::int64_t kLanes = 16;
using Lanes = std::array<double, kLanes>;

struct Sums {
  Lanes values{};
  Lanes directions{};
};

inline __attribute__((always_inline)) void add(Sums& sums, std::size_t lane, float value, float direction) {
  sums.values[lane] += static_cast<double>(value) * static_cast<double>(value);
  sums.directions[lane] += static_cast<double>(direction) * static_cast<double>(direction);
}

}  // namespace

TRIREME_TARGET_CLONES LambSquares lamb_squares(const UpdateSegment& segment, const LambDirection& given) {
  const auto direction = given;
  const float* __restrict values = segment.values;
  const float* __restrict firsts = segment.first;
  const float* __restrict seconds = segment.second;
  Sums lanes;
  std::int64_t i = 0;
  for (; i + kLanes <= segment.elements; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const auto k = i + lane;
      add(lanes, static_cast<std::size_t>(lane), values[k], direction.of(values[k], firsts[k], seconds[k]));
    }
  }
  for (std::size_t lane = 0; i < segment.elements; ++i, ++lane) {
    add(lanes, lane, values[i], direction.of(values[i], firsts[i], seconds[i]));
  }
  LambSquares sums;
  for (const auto sum : lanes.values) sums.values += sum;
  for (const auto sum : lanes.directions) sums.directions += sum;
  return sums;
}

}  // namespace trireme
