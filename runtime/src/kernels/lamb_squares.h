#pragma once

#include "kernels/update_formulas.h"
#include "kernels/update_segment.h"

namespace trireme {

struct LambSquares {
  double values = 0;
  double directions = 0;
};

// The squares of a segment's values and of its directions from them, added up in double, in an order that depends on
// the segment's length alone.
[[nodiscard]] LambSquares lamb_squares(const UpdateSegment& segment, const LambDirection& direction);

}  // namespace trireme
