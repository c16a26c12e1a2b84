#pragma once

#include <cstdint>

// Where a task should run: arithmetic over values, no state.
namespace trireme::launcher::dask::tasks {

// A worker that may run a task, as far as the choice needs it.
struct Candidate {
  std::int64_t work_us = 0;  // given to it and not ended
  std::int64_t threads = 1;
  std::int64_t missing_bytes = 0;  // of the task's inputs, that it would fetch
  std::int64_t missing_inputs = 0;
  double bandwidth = 1;    // bytes per second, at which it fetches
  double memory_used = 0;  // share of its limit, 0 without one
};

inline constexpr double kFetchSeconds = 0.001;      // to ask another worker for one input, however small
inline constexpr double kMemoryAtEase = 0.6;        // of its limit: from here on a worker is spared
inline constexpr double kMemoryPaused = 0.8;        // here workers pause themselves
inline constexpr double kMemoryPenaltySeconds = 1;  // added to the start at kMemoryPaused

// Seconds until inputs of this size are there.
[[nodiscard]] double move_seconds(std::int64_t bytes, std::int64_t inputs, double bandwidth);

// Nothing up to kMemoryAtEase, then rising evenly.
[[nodiscard]] double memory_penalty_seconds(double memory_used);

// Estimated seconds until the task would start there, with the penalty; the least is the best.
[[nodiscard]] double start_seconds(const Candidate& worker);

// Whether a task that waits in the backlog of one worker is better off with another that has room: it would start there
// in less than half the time, for moving it also moves data and makes others on both workers wait.
[[nodiscard]] bool is_worth_moving(double start_here_seconds, double start_there_seconds);

// Whether to ask a worker for a task that it was sent and has not begun.
//
// It waits for what was sent before it, `busy_seconds` of work less the task's own and less the `elapsed_seconds` since
// something ended there last. When that takes longer than it should, the worker is thought to stay late for as long as
// it has been late already.
[[nodiscard]] bool is_worth_stealing(double busy_seconds, double elapsed_seconds, double task_seconds,
                                     double start_there_seconds);

inline constexpr double kStealSeconds = 0.02;  // what asking costs; less is not worth it

}  // namespace trireme::launcher::dask::tasks
