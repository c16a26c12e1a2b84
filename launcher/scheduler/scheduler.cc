#include "scheduler/scheduler.h"

#include <algorithm>

#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "scheduler/clock.h"
#include "scheduler/restart.h"
#include "scheduler/views.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::milliseconds kTickInterval{200};
constexpr std::chrono::milliseconds kLeastInterval{40};  // between notifications, however fast ranks report
constexpr int kCompactionsATick = 16;
constexpr std::size_t kPastRunsShown = 500;

std::uint64_t microseconds(Seconds time) { return static_cast<std::uint64_t>(time * 1e6); }

// Faces draw what it changes only when it has effects or moves a node's state.
bool is_heartbeat(const Event& event) {
  return std::holds_alternative<NodeHeard>(event) || std::holds_alternative<Tick>(event);
}

std::vector<NodeState> states_of(const std::vector<Node>& nodes) {
  std::vector<NodeState> states;
  for (const Node& node : nodes) states.push_back(node.state);
  return states;
}

}  // namespace

Scheduler::Scheduler(SchedulerOptions options)
    : options_(std::move(options)),
      runs_folder_(options_.state_folder / "runs"),
      started_(seconds_since_epoch()),
      history_(options_.state_folder / "history.sqlite"),
      logs_(runs_folder_),
      curves_(microseconds(started_)),
      changed_at_(started_),
      revision_(microseconds(started_)) {
  adopt_history();
  history_.save_event({.time = started_, .kind = "scheduler_started", .text = options_.resume ? "again" : ""});
  worker_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

Scheduler::~Scheduler() {
  worker_.request_stop();
  worker_.join();
  write_history();
}

void Scheduler::adopt_history() {
  past_ = history_.runs(kPastRunsShown);
  if (options_.resume) {
    state_ = launcher::resume(take_back_runs(), take_back_drains(), history_.next_run_number(), options_.expected_nodes,
                              started_);
  } else {
    state_.next_run = history_.next_run_number();
    state_.expected_nodes = options_.expected_nodes;
    history_.forget_drains();
  }
  // What is unfinished beside those has no ranks any more that anybody watches.
  for (RunView& run : past_) {
    if (run.ended) continue;
    run.status = to_string(RunStatus::kFailed);
    run.reason = "the scheduler ended while it ran";
    run.exit_code = 1;
    run.ended = started_;
    history_.save_run(run);
  }
}

std::vector<Run> Scheduler::take_back_runs() {
  std::vector<Run> active;
  for (const std::string& document : history_.active_documents()) {
    try {
      active.push_back(run_from_document(nlohmann::json::from_cbor(document, true, false)));
    } catch (const DataError& error) {
      spdlog::error("a run of before is given up: {}", error.what());
      continue;
    }
    Run& run = active.back();
    curves_.restore(run.id, history_.newest_points(run.id));
    std::vector<MetricPoint> points = history_.curve({.run_id = run.id});
    for (const MetricPoint& point : points) {
      for (const auto& [name, value] : point.metrics) run.metrics[name] = value;
    }
    metrics_.restore(run.id, std::move(points));
    std::erase_if(past_, [&](const RunView& past) { return past.run_id == run.id; });
    spdlog::info("run={} goes on status={}", run.id, to_string(run.status));
  }
  return active;
}

std::vector<Node> Scheduler::take_back_drains() const {
  std::vector<Node> drained;
  for (const auto& [name, drain] : history_.drains()) {
    drained.push_back({.name = name, .is_draining = true, .is_leaving = drain.is_leaving});
    if (drain.cancel_at > 0) drained.back().cancel_at = drain.cancel_at;
  }
  return drained;
}

void Scheduler::evacuate_by(Evacuate evacuate) {
  const std::lock_guard lock(mutex_);
  evacuate_ = std::move(evacuate);
}

void Scheduler::post(const Event& event) {
  const std::lock_guard lock(mutex_);
  const bool may_be_invisible = is_heartbeat(event);
  const auto before = may_be_invisible ? states_of(state_.nodes) : std::vector<NodeState>();
  const bool has_effects = take(event);
  const bool visible = !may_be_invisible || has_effects || before != states_of(state_.nodes);
  if (state_.is_stopping) hung_up_.notify_all();
  if (!visible && !is_insight_old()) return;
  count_change();
}

bool Scheduler::take(const Event& event) {
  Transition transition = apply(std::move(state_), event, seconds_since_epoch());
  state_ = std::move(transition.state);
  carry_out(transition.effects);
  return !transition.effects.empty();
}

// What is said of a run changes with time, also when no rank says anything any more.
bool Scheduler::is_insight_old() const {
  return seconds_since_epoch() - changed_at_ >= 1 &&
         std::ranges::any_of(state_.runs, [](const Run& run) { return !has_ended(run.status); });
}

void Scheduler::count_change() {
  ++revision_;
  changed_at_ = seconds_since_epoch();
  changed_.notify_all();
}

void Scheduler::reject_unfit(const RunSpec& spec) const {
  if (state_.is_stopping) throw ConfigError("the cluster is going down and takes no runs");
  const int nodes = std::max<int>(state_.expected_nodes, static_cast<int>(state_.nodes.size()));
  if (const auto reason = reject_request(spec, nodes)) throw ConfigError(*reason);
  if (!spec.node.empty() && find_node(state_, spec.node) == nullptr) {
    throw ConfigError(message("the cluster has no node {}; launcher status lists them", spec.node));
  }
  if (spec.follows_nodes && spec.node.empty() && nodes_without(state_, spec).empty()) {
    throw ConfigError(message("every node that takes ranks has its run of {} already", display_name(spec)));
  }
}

std::string Scheduler::submit(const RunSpec& spec) {
  std::string run_id;
  {
    const std::lock_guard lock(mutex_);
    reject_unfit(spec);
    run_id = run_id_of(state_.next_run);
    std::filesystem::create_directories(runs_folder_ / run_id);  // where that fails, there is no run
    take(RunSubmitted{spec});
    count_change();
  }
  spdlog::info("run={} submitted program={}", run_id, spec.command.front());
  return run_id;
}

// Without it the run goes on as well, it only cannot be asked for again.
void Scheduler::save_spec(const std::string& run_id, const RunSpec& spec) try {
  std::string document;
  nlohmann::json::to_cbor(to_document(spec), document);  // bytes need not be UTF-8
  history_.save_spec(run_id, document);
} catch (const Error& error) {
  spdlog::error("run={} {}", run_id, error.what());
}

std::optional<RunSpec> Scheduler::spec(const std::string& run_id) const try {
  const std::string document = history_.spec(run_id);
  if (document.empty()) return std::nullopt;
  return spec_from_document(nlohmann::json::from_cbor(document, true, false));
} catch (const Error& error) {
  spdlog::error("run={} {}", run_id, error.what());
  return std::nullopt;
}

void Scheduler::add_output(const std::string& run_id, int rank, bool is_error, std::uint64_t first_line,
                           std::vector<std::string> lines) {
  try {
    lines = logs_.append_once(run_id, rank, is_error, first_line, std::move(lines));
  } catch (const Error& error) {
    spdlog::error("run={} rank={} {}", run_id, rank, error.what());
  }
  if (is_error && !lines.empty()) post(RankWroteErrors{run_id, rank, std::move(lines)});
}

void Scheduler::add_status(const StatusRecord& record) {
  if (!has_rank(record.run_id, record.rank)) return;
  metrics_.add(record);
  curves_.add(record, seconds_since_epoch());
  post(RankReported{record});
}

bool Scheduler::has_rank(const std::string& run_id, int rank) const {
  const std::lock_guard lock(mutex_);
  const Run* run = find_run(state_, run_id);
  return run != nullptr && rank >= 0 && rank < static_cast<int>(run->ranks.size());
}

void Scheduler::connect_node(const std::string& node, std::shared_ptr<CommandOutbox> outbox) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<CommandOutbox>& place = outboxes_[node];
  if (place) place->close();
  place = std::move(outbox);
}

void Scheduler::disconnect_node(const std::string& node, const std::shared_ptr<CommandOutbox>& outbox,
                                const std::string& cause) {
  {
    const std::lock_guard lock(mutex_);
    outbox->close();
    const auto found = outboxes_.find(node);
    if (found == outboxes_.end() || found->second != outbox) return;
    outboxes_.erase(found);
    hung_up_.notify_all();
  }
  post(NodeGone{node, cause});
}

std::shared_ptr<void> Scheduler::subscribe(std::function<void(std::uint64_t)> on_change) {
  auto subscription = std::make_shared<Subscription>(Subscription{std::move(on_change)});
  const std::lock_guard lock(mutex_);
  subscriptions_.push_back(subscription);
  return subscription;
}

std::uint64_t Scheduler::wait_for_change(std::uint64_t seen, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return revision_ > seen; });
  return revision_;
}

bool Scheduler::wait_until_stopped(std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return hung_up_.wait_for(lock, timeout, [&] { return state_.is_stopping && outboxes_.empty(); });
}

void Scheduler::work(const std::stop_token& stop) {
  std::uint64_t notified = 0;
  Seconds next_tick = 0;
  while (!stop.stop_requested()) {
    const std::uint64_t now_at = wait_for_change(notified, kTickInterval);
    const bool has_changed = now_at != notified;
    if (has_changed) notify_subscribers(notified = now_at);
    write_history();
    if (has_changed) std::this_thread::sleep_for(kLeastInterval);
    if (seconds_since_epoch() < next_tick) continue;
    next_tick = seconds_since_epoch() + std::chrono::duration<double>(kTickInterval).count();
    post(Tick{});
  }
}

void Scheduler::notify_subscribers(std::uint64_t revision) {
  std::vector<std::shared_ptr<Subscription>> alive;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(subscriptions_, [](const auto& subscription) { return subscription.expired(); });
    for (const auto& subscription : subscriptions_) {
      if (auto held = subscription.lock()) alive.push_back(std::move(held));
    }
  }
  for (const auto& subscription : alive) subscription->on_change(revision);
}

void Scheduler::write_points() const {
  const std::lock_guard lock(points_mutex_);
  history_.save_points(curves_.take());
}

void Scheduler::write_history() try {
  std::vector<NodeView> nodes;
  std::vector<std::string> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_curves_);
    if (std::exchange(are_nodes_unsaved_, false)) {
      for (const Node& node : state_.nodes) nodes.push_back(view_of(node, state_));
    }
  }
  for (const NodeView& node : nodes) history_.save_node(node);
  for (const std::string& run_id : ended) curves_.end(run_id);
  write_points();
  for (const std::string& run_id : ended) history_.end_curves(run_id);
  history_.compact(kCompactionsATick);
} catch (const Error& error) {
  spdlog::error("{}", error.what());
}

}  // namespace trireme::launcher
