#pragma once

#include <string>
#include <string_view>

#include "store/curve.h"

// A curve as bytes, small enough to keep a month of it: times and steps as differences, values as 8 bytes where a point
// is one record and as three times 4 where it is several.
namespace trireme::launcher {

[[nodiscard]] std::string pack(const Curve& curve);
// Throws DataError for what pack() did not make; any bytes may be given.
[[nodiscard]] Curve unpack_curve(std::string_view bytes);

}  // namespace trireme::launcher
