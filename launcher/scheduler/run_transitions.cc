#include <algorithm>
#include <csignal>
#include <utility>

#include "scheduler/step.h"
#include "trireme/base/message.h"

// How ranks end, and runs with them.
namespace trireme::launcher::detail {

namespace {

constexpr std::size_t kErrorLinesKept = 5;

Rank* rank_of(Run& run, int rank) {
  const bool exists = rank >= 0 && rank < static_cast<int>(run.ranks.size());
  return exists ? &run.ranks[static_cast<std::size_t>(rank)] : nullptr;
}

bool is_over(const Rank& rank) { return rank.state == RankState::kExited || rank.state == RankState::kLost; }

const char* ended_kind(RunStatus status) {
  if (status == RunStatus::kSucceeded) return "run_succeeded";
  return status == RunStatus::kFailed ? "run_failed" : "run_cancelled";
}

std::string ranks_not_started(const Run& run) {
  std::string list;
  for (const Rank& rank : run.ranks) {
    if (rank.state != RankState::kStarting) continue;
    if (!list.empty()) list += ", ";
    list += message("{} on {}", rank.rank, rank.node);
  }
  return list;
}

double smoothed(double before, double value) {
  constexpr double kShare = 0.1;
  return before > 0 ? before + kShare * (value - before) : value;
}

// A pulse has no metrics: those of the last step stay.
void take_record(Rank& rank, const StatusRecord& record) {
  const auto before = std::exchange(rank.status, record);
  if (record.metrics.empty()) {
    if (before) rank.status->metrics = before->metrics;
    return;
  }
  const auto metric = [&](const char* name) {
    const auto found = record.metrics.find(name);
    return found == record.metrics.end() ? 0.0 : found->second;
  };
  rank.progressed = record.time;
  const double step = metric("step_ms");
  if (step <= 0) return;
  rank.pace_ms = smoothed(rank.pace_ms, step);
  rank.busy_ms = smoothed(rank.busy_ms, std::max(0.0, step - metric("exposed_comm_ms") - metric("straggler_ms")));
}

}  // namespace

void Step::on(const RankStarted& event) {
  Run* run = active_run(event.run_id);
  Rank* rank = run == nullptr ? nullptr : rank_of(*run, event.rank);
  if (rank == nullptr || rank->state != RankState::kStarting) return;
  rank->state = RankState::kRunning;
  if (run->status == RunStatus::kStarting) {
    run->status = RunStatus::kRunning;
    run->started = now_;
    effects_.emplace_back(RecordRun{run->id});
    note("run_running", *run);
  }
  const bool all = ranks_not_started(*run).empty();
  const bool is_doomed = run->exit_code || run->is_cancelled || run->pressure != Pressure::kNone;
  if (all && !is_doomed) run->deadline.reset();
}

void Step::on(const RankReported& event) {
  Run* run = active_run(event.record.run_id);
  Rank* rank = run == nullptr ? nullptr : rank_of(*run, event.record.rank);
  if (rank == nullptr) return;
  take_record(*rank, event.record);
  if (event.record.rank != 0) return;
  for (const auto& [name, value] : event.record.metrics) run->metrics[name] = value;
}

void Step::on(const RankWroteErrors& event) {
  Run* run = active_run(event.run_id);
  Rank* rank = run == nullptr ? nullptr : rank_of(*run, event.rank);
  if (rank == nullptr) return;
  for (const std::string& line : event.lines) {
    if (line.empty()) continue;
    rank->last_errors.push_back(line);
    if (rank->last_errors.size() > kErrorLinesKept) rank->last_errors.pop_front();
  }
}

void Step::on(const RankExited& event) {
  Run* run = active_run(event.run_id);
  Rank* rank = run == nullptr ? nullptr : rank_of(*run, event.rank);
  if (rank == nullptr || is_over(*rank)) return;
  rank->state = RankState::kExited;
  rank->exit_code = event.code;
  rank->exit_cause = event.error.empty() ? describe_exit(event.code, event.signal) : event.error;
  if (event.code != 0) {
    const std::string verb = event.signal != 0 ? "was " : "";
    fail(*run, message("rank {} on {} {}{}", rank->rank, rank->node, verb, rank->exit_cause), event.code);
    effects_.emplace_back(ReportLostOn{run->shares.front().node, run->id, rank->rank, rank->node, rank->exit_cause});
  }
  settle(*run);
  const Node* left = node(run->spec.node);
  if (was_cut_off(*run) && left != nullptr) give_followers(*left);
}

void Step::lose_rank(Run& run, Rank& rank, const std::string& cause) {
  if (is_over(rank)) return;
  rank.state = RankState::kLost;
  rank.exit_cause = cause;
  fail(run, message("rank {} is lost: {}", rank.rank, cause), 1);
  effects_.emplace_back(ReportLostOn{run.shares.front().node, run.id, rank.rank, rank.node, cause});
}

// exit_code marks that the first failure is known; what ranks do after a cancellation is not a failure.
void Step::fail(Run& run, std::string reason, int exit_code) {
  if (run.is_cancelled || run.exit_code) return;
  run.reason = std::move(reason);
  run.exit_code = exit_code;
  effects_.emplace_back(RecordRun{run.id});
  note("run_failing", run, run.reason);
  if (run.pressure == Pressure::kNone) run.deadline = now_ + kSurvivorGrace;
}

void Step::on(const StarterExited& event) {
  Run* run = active_run(event.run_id);
  if (run == nullptr) return;
  run->starter_done = true;
  if (!run->ranks_done) {
    const std::string missing = ranks_not_started(*run);
    const std::string tail = event.output_tail.empty() ? "" : message(": {}", event.output_tail);
    if (!missing.empty()) {
      fail(*run, message("mpirun ended with {} before rank {} started{}", event.code, missing, tail),
           event.code == 0 ? 1 : event.code);
    }
    // Reports of ranks may still be on their way through other nodes' agents.
    if (run->pressure != Pressure::kKill) press(*run, Pressure::kKill);
  }
  settle(*run);
}

void Step::on(const StartFailed& event) {
  Run* run = active_run(event.run_id);
  if (run == nullptr) return;
  fail(*run, message("{} cannot start its part: {}", event.node, event.error), 1);
  if (!run->shares.empty() && run->shares.front().node == event.node) run->starter_done = true;
  for (Rank& rank : run->ranks) {
    if (rank.node == event.node && rank.state == RankState::kStarting) lose_rank(*run, rank, event.error);
  }
  settle(*run);
}

void Step::on(const CancelRequested& event) {
  Run* run = active_run(event.run_id);
  if (run == nullptr) return;
  cancel(*run, event.force, event.reason);
  forget_unwanted(run->spec);
}

void Step::cancel(Run& run, bool force, const std::string& reason) {
  if (!run.exit_code && !run.is_cancelled) {
    run.is_cancelled = true;
    run.reason = reason.empty() ? "cancelled" : message("cancelled: {}", reason);
    effects_.emplace_back(RecordRun{run.id});
    note("run_cancelling", run, reason);
  }
  const bool has_begun = !run.store.empty();
  if (!has_begun) {
    finish(run);
    return;
  }
  const Pressure wanted = force ? Pressure::kKill : Pressure::kTerminate;
  if (wanted > run.pressure) press(run, wanted);
}

void Step::press(Run& run, Pressure pressure) {
  run.pressure = pressure;
  run.deadline = now_ + (pressure == Pressure::kKill ? kKillGrace : kTerminateGrace);
  const int signal = pressure == Pressure::kKill ? SIGKILL : SIGTERM;
  on_every_node(run, [&](const std::string& name) { return SignalRunOn{name, run.id, signal}; });
}

void Step::pass_deadline(Run& run) {
  run.deadline.reset();
  if (run.store.empty()) {
    fail(run, message("{} did not open the run's store within {} s", run.shares.front().node, kStoreTimeout), 1);
    finish(run);
    return;
  }
  if (run.ranks_done || run.pressure == Pressure::kKill) {
    for (Rank& rank : run.ranks) lose_rank(run, rank, "it did not report its end");
    finish(run);
    return;
  }
  const std::string missing = ranks_not_started(run);
  if (!run.exit_code && !missing.empty()) {
    fail(run, message("rank {} did not start within {} s", missing, start_timeout(static_cast<int>(run.shares.size()))),
         1);
  }
  press(run, run.pressure == Pressure::kNone ? Pressure::kTerminate : Pressure::kKill);
}

void Step::settle(Run& run) {
  if (has_ended(run.status)) return;
  if (!run.ranks_done && std::all_of(run.ranks.begin(), run.ranks.end(), is_over)) {
    run.ranks_done = true;
    run.deadline = now_ + kTerminateGrace;
    on_every_node(run, [&](const std::string& name) { return ReleaseRunOn{name, run.id}; });
  }
  if (run.ranks_done && run.starter_done) finish(run);
}

void Step::finish(Run& run) {
  for (Rank& rank : run.ranks) {
    if (!is_over(rank)) rank.state = RankState::kLost;
  }
  run.ended = now_;
  run.deadline.reset();
  if (run.is_cancelled) {
    run.status = RunStatus::kCancelled;
    run.exit_code = kCancelledExitCode;
  } else {
    run.status = run.exit_code ? RunStatus::kFailed : RunStatus::kSucceeded;
    run.exit_code = run.exit_code.value_or(0);
  }
  on_every_node(run, [&](const std::string& name) { return CloseRunOn{name, run.id}; });
  effects_.emplace_back(RecordRun{run.id});
  note(ended_kind(run.status), run, run.reason);
  if (run.status == RunStatus::kSucceeded && !was_cut_off(run)) forget_unwanted(run.spec);
  place_queued();
  stop_nodes_when_idle();
}

}  // namespace trireme::launcher::detail
