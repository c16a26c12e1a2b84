#pragma once

#include <cstdint>

#include "kernels/update_formulas.h"
#include "kernels/update_segment.h"

// Updates of segments in host memory, each a single pass. No LibTorch; any thread.
namespace trireme {

void update_elements(const UpdateSegment& segment, const SgdStep& step);
void update_elements(const UpdateSegment& segment, const MomentumStep& step);
void update_elements(const UpdateSegment& segment, const AdamStep& step);
void update_elements(const UpdateSegment& segment, const LionStep& step);
void update_elements(const UpdateSegment& segment, const LambMoments& step);
void update_elements(const UpdateSegment& segment, const LambStep& step);
void update_elements(const UpdateSegment& segment, const MuonMomentum& step);
void update_elements(const UpdateSegment& segment, const DirectionStep& step);
void update_elements(const UpdateSegment& segment, const AverageStep& step);

}  // namespace trireme
