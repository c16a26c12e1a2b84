#include "debug/timeline.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "debug/communicator_group.h"
#include "debug/duration.h"

namespace trireme::launcher {

namespace {

constexpr double kBreakAt = 0.75;
constexpr double kLongWait = 0.5;  // of the history: waits beyond get a part of their own

// One operation of one rank with its end.
struct Span {
  const FlightRecord* record;
  const FlightCommunicator* communicator;
  const FlightOperation* operation;
  std::int64_t from;
  std::int64_t to;
};

// All operations of all ranks, oldest first.
std::vector<Span> spans_of(const std::vector<FlightRecord>& records) {
  std::vector<Span> spans;
  for (const auto& record : records) {
    for (const auto& communicator : record.communicators) {
      for (const auto& operation : communicator.operations) {
        const auto end = operation.finished.value_or(end_of({&record, &communicator}));
        const auto from = operation.started.value_or(operation.posted);
        spans.push_back({&record, &communicator, &operation, from, std::max(from, end)});
      }
    }
  }
  std::ranges::stable_sort(spans, {}, &Span::from);
  return spans;
}

// When the first of the operations began that never ended; the end of the last one when all did.
std::int64_t wait_begins(const std::vector<Span>& spans) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = 0;
  for (const auto& span : spans) {
    last = std::max(last, span.to);
    if (!span.operation->is_finished()) first = std::min(first, span.from);
  }
  return std::min(first, last);
}

// Where a time lies between 0 and 1.
class Scale {
 public:
  Scale(std::int64_t begin, std::int64_t wait, std::int64_t end) : begin_(begin), wait_(wait), end_(end) {
    const auto history = static_cast<double>(wait - begin);
    // Some room behind the wait's beginning shows who came a little later.
    lead_ = wait + static_cast<std::int64_t>(history / 10) + 1;
    is_broken_ = static_cast<double>(end - wait) > kLongWait * history && lead_ < end;
  }
  [[nodiscard]] double operator()(std::int64_t time) const {
    if (!is_broken_) return part(begin_, end_, time);
    if (time <= lead_) return kBreakAt * part(begin_, lead_, time);
    return kBreakAt + (1 - kBreakAt) * part(lead_, end_, time);
  }
  [[nodiscard]] bool is_broken() const { return is_broken_; }
  [[nodiscard]] std::int64_t history() const { return (is_broken_ ? lead_ : end_) - begin_; }
  [[nodiscard]] std::int64_t wait() const { return end_ - wait_; }

 private:
  static double part(std::int64_t from, std::int64_t to, std::int64_t time) {
    return to <= from ? 1 : std::clamp(static_cast<double>(time - from) / static_cast<double>(to - from), 0.0, 1.0);
  }

  std::int64_t begin_;
  std::int64_t wait_;
  std::int64_t end_;
  std::int64_t lead_;
  bool is_broken_;
};

Scale scale_of(const std::vector<Span>& spans, std::size_t shown) {
  const auto wait = wait_begins(spans);
  const auto is_before = [&](const Span& span) { return span.from < wait; };
  const auto before = static_cast<std::size_t>(std::ranges::count_if(spans, is_before));
  const auto begin = spans[before > shown ? before - shown : 0].from;
  const auto end = std::ranges::max_element(spans, {}, &Span::to)->to;
  return {begin, wait, end};
}

std::string title_of(const Span& span) {
  const auto took = format_duration_ns(span.to - span.from);
  const auto call = fmt::format("{}: {}", span.communicator->name, describe(*span.operation));
  if (span.operation->is_finished()) return fmt::format("{}, took {}", call, took);
  return fmt::format("{}, unfinished after {}", call, took);
}

Timeline::Row row_of(const DiagnosedRank& state) {
  Timeline::Row row{.rank = state.rank};
  row.label = fmt::format("rank {}{}{}", state.rank, state.node.empty() ? "" : " ", state.node);
  if (!state.has_record) row.note = state.exit_cause.empty() ? "no record" : "no record: " + state.exit_cause;
  if (state.has_record && !state.last) row.note = "no operation";
  return row;
}

}  // namespace

Timeline timeline_of(const std::vector<FlightRecord>& records, const Diagnosis& diagnosis, std::size_t operations) {
  Timeline timeline;
  for (const auto& state : diagnosis.ranks) timeline.rows.push_back(row_of(state));
  const auto spans = spans_of(records);
  if (spans.empty()) return timeline;
  const auto scale = scale_of(spans, operations * records.size());
  timeline.history_ns = scale.history();
  timeline.wait_ns = scale.wait();
  if (scale.is_broken()) timeline.break_at = kBreakAt;
  for (const auto& record : records) timeline.rows[static_cast<std::size_t>(record.rank)].end = scale(record.written);
  for (const auto& span : spans) {
    const Timeline::Bar bar{.from = scale(span.from),
                            .to = scale(span.to),
                            .is_unfinished = !span.operation->is_finished(),
                            .kind = span.operation->kind,
                            .title = title_of(span)};
    if (bar.to > 0) timeline.rows[static_cast<std::size_t>(span.record->rank)].bars.push_back(bar);
  }
  return timeline;
}

}  // namespace trireme::launcher
