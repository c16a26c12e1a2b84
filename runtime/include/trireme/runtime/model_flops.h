#pragma once

#include "trireme/collectives/communicator.h"

namespace trireme {

// Collective. Floating-point operations a second that all ranks reach together in float32 matrix products of 512 x 512,
// measured for some 30 ms with each rank's threads. What "model FLOPs utilisation" (arXiv:2204.02311, appendix B) is
// measured against where nobody knows the machine's peak.
[[nodiscard]] double measure_peak_flops(collectives::Communicator& ranks);

}  // namespace trireme
