#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "trireme/runtime/parameter_part.h"

namespace trireme {

// What was done to a tensor while its memory was deferred.
class InitTape;

// A contiguous tensor whose storage has a size but no memory; of the options dtype and device count. Values of `tape`
// may be made of it later.
[[nodiscard]] at::Tensor unbacked(at::IntArrayRef sizes, const at::TensorOptions& options,
                                  std::shared_ptr<InitTape> tape = nullptr);

// Whether memory is behind the tensor.
[[nodiscard]] bool has_memory(const at::Tensor& tensor);

// The deferred values of a tensor, which outlive its storage; null when there are none.
[[nodiscard]] std::shared_ptr<InitTape> deferred_values(const at::Tensor& tensor);

[[nodiscard]] std::vector<std::shared_ptr<InitTape>> deferred_values(const std::vector<NamedParameter>& tensors);

// Writes them to `whole`, which is contiguous and has the shape and dtype that the tensor had, on any device. The state
// of the random number generator stays as it is.
void play(const InitTape& tape, const at::Tensor& whole);

// Gives a tensor memory and, where it has deferred values, these.
void materialize(at::Tensor& tensor);

}  // namespace trireme
