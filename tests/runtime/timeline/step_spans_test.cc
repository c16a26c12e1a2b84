#include "timeline/step_spans.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

using std::chrono::milliseconds;

TimePoint at(int ms) { return TimePoint(milliseconds(ms)); }

struct Expected {
  std::string name;
  int begin;
  int end;
  friend bool operator==(const Expected&, const Expected&) = default;
};
std::ostream& operator<<(std::ostream& out, const Expected& span) {
  return out << span.name << ' ' << span.begin << ".." << span.end;
}

std::vector<Expected> named(const std::vector<TimelineSpan>& spans) {
  std::vector<Expected> result;
  for (const auto& span : spans) {
    const auto ms = [](TimePoint time) { return static_cast<int>(time.time_since_epoch() / milliseconds(1)); };
    EXPECT_EQ(span.step, 4);
    result.push_back({span.name, ms(span.begin), ms(span.end)});
  }
  return result;
}

TEST(SpansOfStep, CoverTheStepWithoutGapsAndShowReductionsBesideIt) {
  const StepTimes times{.step = 4,
                        .begin = at(0),
                        .batch_ready = at(1),
                        .passes = {{at(5), at(9)}, {at(12), at(22)}},
                        .last_gradient = at(16),
                        .waited = at(21),
                        .straggler = milliseconds(2),
                        .exchanged = at(23),
                        .end = at(27)};
  const std::vector<TraceEntry> trace{{TraceEvent::kGradientReady, 0, at(13)}, {TraceEvent::kBucketPosted, 0, at(14)},
                                      {TraceEvent::kBucketPosted, 1, at(15)},  {TraceEvent::kWaitBegin, 0, at(16)},
                                      {TraceEvent::kWaitEnd, 0, at(19)},       {TraceEvent::kWaitEnd, 1, at(21)},
                                      {TraceEvent::kGatherBegin, 3, at(25)},   {TraceEvent::kGatherEnd, 3, at(26)}};
  EXPECT_EQ(named(spans_of_step(times, trace)), (std::vector<Expected>{{"batch", 0, 1},
                                                                       {"forward", 1, 5},
                                                                       {"backward", 5, 9},
                                                                       {"forward", 9, 12},
                                                                       {"backward", 12, 16},
                                                                       {"straggler wait", 16, 18},
                                                                       {"exposed wait", 18, 21},
                                                                       {"agreement", 21, 23},
                                                                       {"optimizer", 23, 27},
                                                                       {"reduce bucket 0", 14, 19},
                                                                       {"reduce bucket 1", 15, 21},
                                                                       {"gather 3", 25, 26}}));
}

}  // namespace
}  // namespace trireme
