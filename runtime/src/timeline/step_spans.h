#pragma once

#include <vector>

#include "trireme/runtime/parallel.h"
#include "trireme/runtime/timeline.h"

namespace trireme {

// When the parts of a step began and ended on this rank.
struct StepTimes {
  struct Pass {
    TimePoint begin{};  // of backward
    TimePoint end{};
  };
  std::int64_t step = 0;
  TimePoint begin{};
  TimePoint batch_ready{};
  std::vector<Pass> passes{};                       // more than one when accumulating
  TimePoint last_gradient{};                        // of the last pass
  TimePoint waited{};                               // all reductions are done
  std::chrono::steady_clock::duration straggler{};  // of that waiting, the part for slower ranks
  TimePoint exchanged{};                            // the ranks agree on the step
  TimePoint end{};                                  // of the optimizer
};

// The step as spans: what the rank computed, and the reductions and gathers of `trace` beside it. A reduction that
// ended before anybody waited for it is seen to end only then. Pure.
[[nodiscard]] std::vector<TimelineSpan> spans_of_step(const StepTimes& times, const std::vector<TraceEntry>& trace);

}  // namespace trireme
