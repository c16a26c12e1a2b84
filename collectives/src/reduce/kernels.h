#pragma once

#include <cstdint>
#include <span>

#include "trireme/collectives/buffer.h"

// reduce_in_order() compiled for several instruction sets, all from kernel_loops.h.
namespace trireme::collectives {

using ReduceKernel = void (*)(std::span<const void* const> pieces, std::span<void* const> outputs, std::int64_t count,
                              Dtype dtype, ReduceOp op);

void reduce_portable(std::span<const void* const> pieces, std::span<void* const> outputs, std::int64_t count,
                     Dtype dtype, ReduceOp op);
#if defined(__x86_64__)
void reduce_avx2(std::span<const void* const> pieces, std::span<void* const> outputs, std::int64_t count, Dtype dtype,
                 ReduceOp op);
void reduce_avx512(std::span<const void* const> pieces, std::span<void* const> outputs, std::int64_t count, Dtype dtype,
                   ReduceOp op);
#endif

// Those that this processor can run, the widest first.
[[nodiscard]] std::span<const ReduceKernel> reduce_kernels() noexcept;

}  // namespace trireme::collectives
