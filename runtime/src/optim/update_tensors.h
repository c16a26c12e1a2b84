#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "kernels/cuda/cuda_update.h"
#include "kernels/lamb_squares.h"
#include "kernels/update_kernels.h"
#include "tensors/tensor_stream.h"
#include "trireme/base/error.h"
#include "trireme/runtime/update_rule.h"

// From the tensors of parts to the kernels, which take segments of memory.
namespace trireme {

// The segment of a part: its values, gradient, and up to two float32 tensors of state, all of one length. `gradient`
// may be undefined; of another type than float32, bfloat16 or float16 it is replaced by a float32 copy.
[[nodiscard]] UpdateSegment segment_of(const at::Tensor& values, at::Tensor& gradient,
                                       std::span<const at::Tensor> state);

namespace detail {
// Updates segments in the memory of `where`'s device: slices of them spread over this rank's threads, or queued on the
// GPU's current stream.
template <typename Step>
void update_segments(std::span<const SegmentUpdate<Step>> segments, const at::Tensor& where) {
  if (!where.is_cpu()) {
    const c10::DeviceGuard guard(where.device());
    return cuda_update(segments, current_stream(where).handle());
  }
  constexpr std::int64_t kGrain = 32768;  // elements a thread takes at least
  for (const auto& [segment, step] : segments) {
    at::parallel_for(0, segment.elements, kGrain,
                     [&segment = segment, &step = step](std::int64_t begin, std::int64_t end) {
                       update_elements(segment.slice(begin, end), step);
                     });
  }
}
}  // namespace detail

// Updates parts by the step that `step_of(update)` makes for each.
template <typename StepOf>
void update_parts(std::span<const PartUpdate> updates, const StepOf& step_of) {
  using Step = decltype(step_of(updates.front()));
  std::vector<at::Tensor> gradients;  // alive until the segments were used
  std::vector<SegmentUpdate<Step>> segments;
  for (const auto& update : updates) {
    auto& gradient = gradients.emplace_back(update.part->gradient);
    segments.push_back({segment_of(update.part->values, gradient, update.state), step_of(update)});
  }
  if (!updates.empty()) detail::update_segments<Step>(segments, updates.front().part->values);
}

}  // namespace trireme
