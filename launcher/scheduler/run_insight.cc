#include "scheduler/run_insight.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

namespace {

constexpr double kLeastStall = 10;     // seconds without a step before anybody is told
constexpr double kStallSteps = 10;     // and in steps
constexpr double kStartPatience = 60;  // seconds to the first step
constexpr double kSilence = 4;         // seconds without a pulse, which comes every second
constexpr double kSlowFactor = 1.25;   // of the median rank's time
constexpr double kLeastLateness = 5;   // milliseconds
constexpr std::size_t kMostNamed = 4;  // ranks in a sentence

constexpr std::array<std::pair<Condition, const char*>, 7> kConditions{{{Condition::kWaiting, "waiting"},
                                                                        {Condition::kStarting, "starting"},
                                                                        {Condition::kHealthy, "healthy"},
                                                                        {Condition::kSlowRank, "slow rank"},
                                                                        {Condition::kStalled, "stalled"},
                                                                        {Condition::kEnding, "ending"},
                                                                        {Condition::kEnded, "ended"}}};

using Ranks = std::vector<const RankView*>;

double metric(const RankView& rank, const char* name, double fallback = 0) {
  if (!rank.status) return fallback;
  const auto found = rank.status->metrics.find(name);
  return found == rank.status->metrics.end() ? fallback : found->second;
}

bool is_alive(const RankView& rank) { return rank.state == "running" || rank.state == "starting"; }
bool is_computing(const RankView& rank) { return is_alive(rank) && rank.progressed > 0; }
bool is_in_collective(const RankView& rank) {
  return rank.status && rank.status->collective && rank.status->collective->is_running;
}
std::uint64_t sequence_of(const RankView& rank) {
  return rank.status && rank.status->collective ? rank.status->collective->sequence : 0;
}

template <typename Accept>
Ranks those(const RunView& run, Accept accept) {
  Ranks found;
  for (const RankView& rank : run.rank_views) {
    if (accept(rank)) found.push_back(&rank);
  }
  return found;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <typename Value>
double median_of(const Ranks& ranks, Value value) {
  std::vector<double> values;
  for (const RankView* rank : ranks) values.push_back(value(*rank));
  return median(std::move(values));
}

// "rank 2 on node1", "ranks 0, 1, 3", "ranks 0, 1, 2, 3 and 60 more"
std::string name_ranks(const Ranks& ranks) {
  if (ranks.size() == 1) return fmt::format("rank {} on {}", ranks[0]->rank, ranks[0]->node);
  std::string text = "ranks ";
  for (std::size_t i = 0; i < std::min(ranks.size(), kMostNamed); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", ranks[i]->rank);
  }
  if (ranks.size() > kMostNamed) text += fmt::format(" and {} more", ranks.size() - kMostNamed);
  return text;
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes >= 1 << 20) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
  return bytes >= 1 << 10 ? fmt::format("{:.1f} KiB", static_cast<double>(bytes) / (1 << 10))
                          : fmt::format("{} B", bytes);
}

std::string collective_text(const RankView& rank) {
  const CollectiveStatus& last = *rank.status->collective;
  return fmt::format("{} #{} ({})", last.op, last.sequence, bytes_text(last.bytes));
}

std::vector<int> numbers_of(const Ranks& ranks) {
  std::vector<int> numbers;
  for (const RankView* rank : ranks) numbers.push_back(rank->rank);
  return numbers;
}

std::string with_verb(const Ranks& ranks, std::string_view one, std::string_view many) {
  return name_ranks(ranks) + " " + std::string(ranks.size() == 1 ? one : many);
}

void tell_silent(RunInsight& insight, const Ranks& silent, double now) {
  const double since = now - median_of(silent, [](const RankView& rank) { return rank.status->time; });
  insight.suspects = numbers_of(silent);
  insight.headline = fmt::format("{} for {:.0f} s: stopped, starved of CPU, or cut off",
                                 with_verb(silent, "says nothing", "say nothing"), since);
  insight.advice = "look at that node: is the process stopped (kill -CONT), swapping, or the machine overloaded?";
}

void tell_missing(RunInsight& insight, const Ranks& missing, const Ranks& waiting) {
  insight.suspects = numbers_of(missing);
  const bool is_inside = is_in_collective(*missing[0]);
  const std::string where =
      sequence_of(*missing[0]) == 0
          ? std::string()
          : fmt::format(" ({} {})", is_inside ? "still in" : "last:", collective_text(*missing[0]));
  insight.headline = fmt::format("{} in {}; {} not come{}", with_verb(waiting, "is", "are"),
                                 collective_text(*waiting[0]), with_verb(missing, "has", "have"), where);
  insight.advice =
      is_inside ? "the others have left that collective: is the rank's main thread stopped or starved?"
                : "that rank is busy or stuck outside of collectives: look at its log, or attach a debugger to it";
}

// Everybody is in the same operation, or nobody is in any.
void tell_together(RunInsight& insight, const Ranks& ranks) {
  if (is_in_collective(*ranks[0])) {
    insight.headline = fmt::format("all ranks are in {}, which does not end", collective_text(*ranks[0]));
    insight.advice = "nobody is missing, so look at the network: `launcher doctor` tests it";
  } else {
    insight.headline = "no rank is in a collective, and none finishes its step";
    insight.advice = "long work outside of steps (validation, a checkpoint, loading data) looks like this too";
  }
}

void explain_stall(RunInsight& insight, const Ranks& ranks, double now) {
  Ranks silent, waiting, missing;
  for (const RankView* rank : ranks) {
    if (rank->status && now - rank->status->time > kSilence) silent.push_back(rank);
  }
  if (!silent.empty() && silent.size() < ranks.size()) return tell_silent(insight, silent, now);
  std::uint64_t furthest = 0;
  for (const RankView* rank : ranks) {
    if (is_in_collective(*rank)) furthest = std::max(furthest, sequence_of(*rank));
  }
  for (const RankView* rank : ranks) {
    const bool is_there = is_in_collective(*rank) && sequence_of(*rank) == furthest;
    (is_there ? waiting : missing).push_back(rank);
  }
  if (waiting.empty() || missing.empty()) return tell_together(insight, ranks);
  tell_missing(insight, missing, waiting);
}

double stall_patience(const Ranks& ranks) {
  const double step_ms = median_of(ranks, [](const RankView& rank) { return metric(rank, "step_ms"); });
  return std::max(kLeastStall, kStallSteps * step_ms / 1000);
}

// Of those whose time can be compared, the one that needs longest.
void find_slow_rank(RunInsight& insight, const Ranks& ranks) {
  if (ranks.size() < 2) return;
  const auto busy = [](const RankView& rank) { return rank.busy_ms; };
  const double usual = median_of(ranks, busy);
  const auto slowest = *std::ranges::max_element(ranks, {}, [&](const RankView* rank) { return busy(*rank); });
  const double most = busy(*slowest);
  if (usual <= 0 || most < kSlowFactor * usual || most - usual < kLeastLateness) return;
  insight.condition = Condition::kSlowRank;
  insight.suspects = {slowest->rank};
  insight.headline =
      fmt::format("rank {} on {} computes {:.0f} ms a step where the others need {:.0f}: all wait for it",
                  slowest->rank, slowest->node, most, usual);
  insight.advice = "compare that node's clock speed, temperature and other processes with its peers'";
}

void measure(RunInsight& insight, const Ranks& ranks) {
  const double step = median_of(ranks, [](const RankView& rank) { return metric(rank, "step_ms"); });
  if (step <= 0) return;
  const auto share = [&](auto value) { return std::clamp(median_of(ranks, value) / step, 0.0, 1.0); };
  insight.exposed = share([](const RankView& rank) { return metric(rank, "exposed_comm_ms"); });
  insight.straggling = share([](const RankView& rank) { return metric(rank, "straggler_ms"); });
  insight.efficiency = std::max(0.0, 1 - *insight.exposed - *insight.straggling);
  const StatusRecord& last = *ranks[0]->status;
  const double pace = ranks[0]->pace_ms > 0 ? ranks[0]->pace_ms : step;
  if (last.total_steps > last.step) insight.remaining = static_cast<double>(last.total_steps - last.step) * pace / 1000;
}

void judge_steps(RunInsight& insight, const Ranks& ranks, double now) {
  double newest = 0;
  for (const RankView* rank : ranks) newest = std::max(newest, rank->progressed);
  measure(insight, ranks);
  if (now - newest > stall_patience(ranks)) {
    insight.condition = Condition::kStalled;
    insight.stalled = now - newest;
    insight.remaining.reset();
    return explain_stall(insight, ranks, now);
  }
  insight.condition = Condition::kHealthy;
  insight.headline = insight.efficiency
                         ? fmt::format("every rank gets on; {:.0f} % of a step is work", *insight.efficiency * 100)
                         : std::string("every rank gets on");
  find_slow_rank(insight, ranks);
}

void judge_start(RunInsight& insight, const RunView& run, const Ranks& alive, double now) {
  insight.condition = Condition::kStarting;
  const auto begun = those(run, [](const RankView& rank) { return rank.state != "starting"; }).size();
  insight.headline = fmt::format("{} of {} ranks have begun; none has reported a step", begun, run.rank_views.size());
  const double since = now - run.started.value_or(run.submitted);
  const auto heard = those(run, [](const RankView& rank) { return rank.status.has_value(); });
  if (since < kStartPatience || heard.empty() || alive.empty()) return;
  insight.condition = Condition::kStalled;
  insight.stalled = since;
  explain_stall(insight, alive, now);
}

bool has_lost_node(const RunView& run, const std::vector<NodeView>& nodes) {
  return std::ranges::any_of(nodes, [&](const NodeView& node) {
    return node.state == "lost" && std::ranges::find(run.nodes, node.name) != run.nodes.end();
  });
}

// A rank that ended while others go on is why they will not.
bool judge_losses(RunInsight& insight, const RunView& run, const std::vector<NodeView>& nodes) {
  const auto lost = those(run, [](const RankView& rank) {
    return rank.state == "lost" || (rank.state == "exited" && rank.exit_code.value_or(0) != 0);
  });
  if (lost.empty()) return false;
  insight.condition = Condition::kEnding;
  insight.suspects = numbers_of(lost);
  const std::string& cause = lost[0]->exit_cause;
  insight.headline = fmt::format("{} gone{}", with_verb(lost, "is", "are"), cause.empty() ? "" : ": " + cause);
  insight.advice = has_lost_node(run, nodes) ? "its node does not answer; the run ends, start it again on the others"
                                             : "the run ends as soon as the survivors have reported; its log says more";
  return true;
}

void judge_end(RunInsight& insight, const RunView& run) {
  insight.condition = Condition::kEnded;
  insight.headline = run.reason.empty() ? run.status : run.reason;
  if (run.status == "failed") insight.advice = fmt::format("launcher debug {}", run.run_id);
}

void read_progress(RunInsight& insight, const RunView& run) {
  const auto reports =
      std::ranges::find_if(run.rank_views, [](const RankView& rank) { return rank.status.has_value(); });
  if (reports == run.rank_views.end()) return;
  insight.step = reports->status->step;
  if (reports->status->total_steps > 0) insight.total_steps = reports->status->total_steps;
}

void judge(RunInsight& insight, const RunView& run, const std::vector<NodeView>& nodes, double now) {
  if (run.ended) return judge_end(insight, run);
  if (run.status == "queued") {
    insight.headline = run.reason.empty() ? "waits for its turn" : run.reason;
    return;
  }
  if (judge_losses(insight, run, nodes)) return;
  const Ranks stepping = those(run, is_computing);
  if (stepping.empty()) return judge_start(insight, run, those(run, is_alive), now);
  judge_steps(insight, stepping, now);
}

}  // namespace

const char* to_string(Condition condition) noexcept {
  for (const auto& [known, text] : kConditions) {
    if (known == condition) return text;
  }
  return "unknown";
}

Condition condition_of(std::string_view text) noexcept {
  const auto found =
      std::ranges::find(kConditions, text, [](const auto& known) { return std::string_view(known.second); });
  return found == kConditions.end() ? Condition::kWaiting : found->first;
}

RunInsight look_at(const RunView& run, const std::vector<NodeView>& nodes, double now) {
  RunInsight insight;
  if (run.started) {
    insight.node_seconds =
        static_cast<double>(run.nodes.size()) * std::max(0.0, run.ended.value_or(now) - *run.started);
  }
  read_progress(insight, run);
  judge(insight, run, nodes, now);
  return insight;
}

}  // namespace trireme::launcher
