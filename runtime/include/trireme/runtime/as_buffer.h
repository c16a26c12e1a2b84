#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

#include "trireme/collectives/communicator.h"

// The one bridge between tensors and the communicator's buffers.
namespace trireme {

// A view of a contiguous tensor's elements; the tensor must outlive it. Throws ConfigError when the tensor is not
// contiguous or its dtype cannot be reduced (complex, quantised, …). Booleans travel as bytes.
[[nodiscard]] collectives::Buffer as_buffer(const at::Tensor& tensor);

// The same memory as plain bytes, for any dtype: to broadcast and gather, never to reduce.
[[nodiscard]] collectives::Buffer as_bytes(const at::Tensor& tensor);

// A 1-D host tensor over `elements` elements of communicator memory, from `byte_offset` on. Shares ownership of
// `memory`.
[[nodiscard]] at::Tensor tensor_over(const collectives::MemoryPtr& memory, std::size_t byte_offset,
                                     std::int64_t elements, at::ScalarType dtype);

}  // namespace trireme
