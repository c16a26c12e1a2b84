#pragma once

#include <span>

#include "kernels/update_formulas.h"
#include "kernels/update_segment.h"

// Updates of segments in the memory of the current CUDA device: the formulas of the CPU, all segments in as few
// launches as their descriptions fit kernel arguments, queued on `stream` (a cudaStream_t) without waiting. Compiled
// without contraction and with exact square roots and divisions, so the bits are meant to be the CPU's. Throws Error
// with CUDA's word for a launch that failed; ConfigError where Trireme was built without CUDA.
namespace trireme {

void cuda_update(std::span<const SegmentUpdate<SgdStep>> segments, void* stream);
void cuda_update(std::span<const SegmentUpdate<MomentumStep>> segments, void* stream);
void cuda_update(std::span<const SegmentUpdate<AdamStep>> segments, void* stream);
void cuda_update(std::span<const SegmentUpdate<LionStep>> segments, void* stream);
void cuda_update(std::span<const SegmentUpdate<LambMoments>> segments, void* stream);
void cuda_update(std::span<const SegmentUpdate<LambStep>> segments, void* stream);
void cuda_update(std::span<const SegmentUpdate<MuonMomentum>> segments, void* stream);
void cuda_update(std::span<const SegmentUpdate<DirectionStep>> segments, void* stream);
void cuda_update(std::span<const SegmentUpdate<AverageStep>> segments, void* stream);

}  // namespace trireme
