#include "trireme/runtime/timeline.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/durable_file.h"

namespace trireme {
namespace {

using nlohmann::json;

double microseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::micro>(time).count(); }

// From this process's clock to the time of day.
double day_time_offset() {
  const auto day = std::chrono::system_clock::now().time_since_epoch();
  return microseconds(day) - microseconds(std::chrono::steady_clock::now().time_since_epoch());
}

constexpr int thread_of(Track track) { return track == Track::kCompute ? 1 : 2; }

json event_of(const TimelineSpan& span, int rank, double offset) {
  return {{"name", span.name},
          {"cat", span.track == Track::kCompute ? "compute" : "communication"},
          {"pid", rank},
          {"tid", thread_of(span.track)},
          {"ts", microseconds(span.begin.time_since_epoch()) + offset},
          {"dur", std::max(0.0, microseconds(span.end - span.begin))},
          {"args", {{"step", span.step}}}};
}

// Reductions overlap, which spans of one thread must not, so they are asynchronous: a beginning and an end with an id.
void append(json& events, json event, std::size_t id) {
  if (event["cat"] == "compute") {
    event["ph"] = "X";
    events.push_back(std::move(event));
    return;
  }
  auto end = event;
  end["ts"] = event["ts"].get<double>() + event["dur"].get<double>();
  for (auto* half : {&event, &end}) {
    half->erase("dur");
    (*half)["id"] = id;
  }
  event["ph"] = "b";
  end["ph"] = "e";
  events.push_back(std::move(event));
  events.push_back(std::move(end));
}

json name_event(const char* what, int rank, int thread, const std::string& name) {
  return {{"name", what}, {"ph", "M"}, {"pid", rank}, {"tid", thread}, {"args", {{"name", name}}}};
}

json trace_of(const std::vector<std::string>& ranks) {
  double first = std::numeric_limits<double>::max();
  std::vector<json> spans;
  for (const auto& text : ranks) {
    spans.push_back(json::parse(text));
    for (const auto& event : spans.back()) first = std::min(first, event["ts"].get<double>());
  }
  json events = json::array();
  std::size_t id = 0;
  for (std::size_t rank = 0; rank < spans.size(); ++rank) {
    const int pid = static_cast<int>(rank);
    events.push_back(name_event("process_name", pid, 0, "rank " + std::to_string(rank)));
    events.push_back(name_event("thread_name", pid, thread_of(Track::kCompute), "compute"));
    events.push_back(name_event("thread_name", pid, thread_of(Track::kCommunication), "communication"));
    for (auto& event : spans[rank]) {
      event["ts"] = event["ts"].get<double>() - first;
      append(events, std::move(event), ++id);
    }
  }
  return {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
}

}  // namespace

bool Timeline::begin_step() noexcept {
  const auto index = seen_++;
  return index >= options_.skip && index < options_.skip + options_.steps;
}

void Timeline::add(std::vector<TimelineSpan> spans) {
  std::move(spans.begin(), spans.end(), std::back_inserter(spans_));
}

void Timeline::write(const std::string& path, collectives::Communicator& ranks) const {
  const double offset = day_time_offset();
  json own = json::array();
  for (const auto& span : spans_) own.push_back(event_of(span, ranks.rank(), offset));
  const auto all = ranks.all_gather_bytes(own.dump());
  if (ranks.rank() == 0) replace_file(path, trace_of(all).dump());
}

}  // namespace trireme
