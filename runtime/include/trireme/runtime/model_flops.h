#pragma once

#include <c10/core/TensorOptions.h>

#include "trireme/collectives/communicator.h"

namespace trireme {

// Collective. Floating-point operations a second that all ranks reach together in matrix products of `kind` (dtype and
// device; float32 on the CPU by default), 512 x 512 or on a GPU 4096 x 4096, measured for some 30 ms with each rank's
// threads. What "model FLOPs utilisation" (arXiv:2204.02311, appendix B) is
// measured against where nobody knows the machine's peak.
[[nodiscard]] double measure_peak_flops(collectives::Communicator& ranks, const at::TensorOptions& kind = {});

}  // namespace trireme
