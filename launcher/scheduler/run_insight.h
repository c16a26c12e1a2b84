#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the records of a run's ranks say together: is it well, who holds it up, how well does it scale, when is it done.
// Pure.
namespace trireme::launcher {

struct NodeView;
struct RunView;

enum class Condition {
  kWaiting,   // queued, for nodes or for other runs
  kStarting,  // no rank has reported a step yet
  kHealthy,
  kSlowRank,  // a rank needs clearly longer than the others, which wait for it
  kStalled,   // nobody gets on
  kEnding,    // a rank or its node is gone
  kEnded,
};
// "waiting", "starting", "healthy", "slow rank", …
[[nodiscard]] const char* to_string(Condition condition) noexcept;
// The inverse; kWaiting for what is none.
[[nodiscard]] Condition condition_of(std::string_view text) noexcept;

struct RunInsight {
  Condition condition = Condition::kWaiting;
  std::string headline;              // a sentence; names ranks, nodes, the collective
  std::string advice;                // what to do next; empty: nothing
  std::vector<int> suspects;         // ranks that the others wait for
  std::optional<double> stalled;     // seconds since any rank got on; only while kStalled
  std::optional<double> efficiency;  // share of a step's time that ranks compute, 0..1: the rest they wait
  std::optional<double> exposed;     // share that communication takes
  std::optional<double> straggling;  // share that is waiting for the slowest
  std::optional<double> remaining;   // seconds until the last step
  std::optional<std::int64_t> step;  // the last that was reported
  std::optional<std::int64_t> total_steps;
  double node_seconds = 0;  // nodes × time so far
};

// `now`: seconds since the epoch. Ranks' clocks are taken to agree with it to a second or two.
[[nodiscard]] RunInsight look_at(const RunView& run, const std::vector<NodeView>& nodes, double now);

}  // namespace trireme::launcher
