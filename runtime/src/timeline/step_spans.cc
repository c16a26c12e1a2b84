#include "timeline/step_spans.h"

#include <algorithm>
#include <map>

namespace trireme {
namespace {

// Pairs a beginning with the next end of the same index.
class Pairs {
 public:
  Pairs(std::vector<TimelineSpan>& spans, std::string name, std::int64_t step)
      : spans_(spans), name_(std::move(name)), step_(step) {}
  void begin(const TraceEntry& entry) { open_[entry.index] = entry.at; }
  void end(const TraceEntry& entry) {
    const auto found = open_.find(entry.index);
    if (found == open_.end()) return;
    spans_.push_back({name_ + std::to_string(entry.index), Track::kCommunication, found->second, entry.at, step_});
    open_.erase(found);
  }

 private:
  std::vector<TimelineSpan>& spans_;
  const std::string name_;
  const std::int64_t step_;
  std::map<std::size_t, TimePoint> open_;
};

}  // namespace

std::vector<TimelineSpan> spans_of_step(const StepTimes& times, const std::vector<TraceEntry>& trace) {
  std::vector<TimelineSpan> spans;
  const auto add = [&](const char* name, TimePoint begin, TimePoint end) {
    if (end > begin) spans.push_back({name, Track::kCompute, begin, end, times.step});
  };
  add("batch", times.begin, times.batch_ready);
  auto at = times.batch_ready;
  for (const auto& pass : times.passes) {
    add("forward", at, pass.begin);
    const bool is_last = &pass == &times.passes.back();
    add("backward", pass.begin, is_last ? times.last_gradient : pass.end);
    at = pass.end;
  }
  const auto after_straggler = std::min(times.last_gradient + times.straggler, times.waited);
  add("straggler wait", times.last_gradient, after_straggler);
  add("exposed wait", after_straggler, times.waited);
  add("agreement", times.waited, times.exchanged);
  add("optimizer", times.exchanged, times.end);

  Pairs reductions(spans, "reduce bucket ", times.step);
  Pairs gathers(spans, "gather ", times.step);
  for (const auto& entry : trace) {
    if (entry.event == TraceEvent::kBucketPosted) reductions.begin(entry);
    if (entry.event == TraceEvent::kWaitEnd) reductions.end(entry);
    if (entry.event == TraceEvent::kGatherBegin) gathers.begin(entry);
    if (entry.event == TraceEvent::kGatherEnd) gathers.end(entry);
  }
  return spans;
}

}  // namespace trireme
