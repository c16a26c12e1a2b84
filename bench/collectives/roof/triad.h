#pragma once

#include <cstdint>
#include <span>

#include "kernels.h"

namespace trireme::bench {

// GB/s of the STREAM triad a = b + 3 c, 12 bytes an element, by `threads` pinned threads whose arrays take `bytes` in
// all; the best kernel's median of at least 3 runs within `seconds`. Another loop over as much memory than the roof's,
// to see whether that is a roof.
[[nodiscard]] double triad_gb_s(std::span<const Kernel* const> kernels, int threads, double bytes, double seconds);

}  // namespace trireme::bench
