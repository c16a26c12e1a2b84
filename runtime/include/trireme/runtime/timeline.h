#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "trireme/collectives/communicator.h"

// What the ranks did in each moment of a few steps, as a trace that ui.perfetto.dev and chrome://tracing open and
// scripts/plot_timeline draws.
namespace trireme {

using TimePoint = std::chrono::steady_clock::time_point;

enum class Track {
  kCompute,        // one thing after the other: batch, forward, backward, waits, optimizer
  kCommunication,  // at the same time, and overlapping each other: reductions and gathers
};

struct TimelineSpan {
  std::string name;  // "forward", "reduce bucket 3", …
  Track track = Track::kCompute;
  TimePoint begin;
  TimePoint end;
  std::int64_t step = 0;
};

struct TimelineOptions {
  std::int64_t skip = 2;  // steps of this process before the first that is kept: the first ones allocate
  std::int64_t steps = 10;
};

// Given to steps() as StepsOptions::timeline. One rank's; one thread.
class Timeline {
 public:
  explicit Timeline(const TimelineOptions& options = {}) : options_(options) {}

  // Called by steps(): a step begins. True: its spans are wanted.
  [[nodiscard]] bool begin_step() noexcept;
  void add(std::vector<TimelineSpan> spans);
  [[nodiscard]] const std::vector<TimelineSpan>& spans() const noexcept { return spans_; }

  // Collective. Rank 0 writes the spans of all ranks to `path`, in the trace event format (JSON), a process a rank.
  // Clocks of unlike nodes are compared by their time of day. Throws DataError on rank 0 when it cannot be written.
  void write(const std::string& path, collectives::Communicator& ranks) const;

 private:
  TimelineOptions options_;
  std::int64_t seen_ = 0;
  std::vector<TimelineSpan> spans_;
};

}  // namespace trireme
