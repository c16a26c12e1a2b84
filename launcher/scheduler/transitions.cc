#include "scheduler/transitions.h"

#include <algorithm>

#include "scheduler/step.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

Seconds start_timeout(int nodes) { return 30.0 + 2.0 * nodes; }

Transition apply(ClusterState state, const Event& event, Seconds now) {
  Transition result{std::move(state), {}};
  detail::Step step(result.state, result.effects, now);
  std::visit([&step](const auto& happened) { step.on(happened); }, event);
  return result;
}

namespace detail {

namespace {

// Of runs that are there, and of those bound to the node that stand before `wants` in the queue.
void note_gpu_use(const ClusterState& state, const Run& wants, NodeOffer& offer) {
  for (const Run& run : state.runs) {
    const auto is_there = [&](const Share& share) { return share.node == offer.name; };
    const bool waits_before = run.shares.empty() && run.spec.node == offer.name && &run < &wants;
    if (has_ended(run.status) || (!waits_before && std::ranges::none_of(run.shares, is_there))) continue;
    if (run.spec.gpu_use != GpuUse::kShared) offer.gpu_user = run.id;
    if (run.spec.gpu_use == GpuUse::kExclusive) offer.gpu_owner = run.id;
  }
}

// To a run of `state`.
std::vector<NodeOffer> offers_to(const Run& run, const ClusterState& state) {
  std::vector<NodeOffer> offers;
  for (const Node& node : state.nodes) {
    if (!takes_ranks(node)) continue;
    offers.push_back({.name = node.name, .gpus = node.gpus, .ranks = ranks_on(state, node.name)});
    note_gpu_use(state, run, offers.back());
  }
  return offers;
}

// A node has one run at a time of what follows the nodes: this one has not ended there. Null: none.
const Run* predecessor_of(const Run& run, const ClusterState& state) {
  if (!run.spec.follows_nodes) return nullptr;
  const auto found = std::ranges::find_if(state.runs, [&](const Run& other) {
    return other.spec.follows_nodes && !other.shares.empty() && !has_ended(other.status) &&
           other.spec.node == run.spec.node && display_name(other.spec) == display_name(run.spec);
  });
  return found == state.runs.end() ? nullptr : &*found;
}

// A run that is bound to a node without GPUs takes nothing from those that wait.
bool stands_in_line(const Run& run, const ClusterState& state) {
  const Node* node = find_node(state, run.spec.node);
  return node == nullptr || node->gpus > 0;
}

std::ptrdiff_t drained_nodes(const ClusterState& state) {
  return std::count_if(state.nodes.begin(), state.nodes.end(),
                       [](const Node& node) { return node.state == NodeState::kUp && node.is_draining; });
}

}  // namespace

Run* Step::active_run(const std::string& run_id) {
  for (Run& run : state_.runs) {
    if (run.id == run_id) return has_ended(run.status) ? nullptr : &run;
  }
  return nullptr;
}

Node* Step::node(const std::string& name) {
  for (Node& node : state_.nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

void Step::note(const char* kind, const Node& node, std::string text) {
  effects_.emplace_back(Note{kind, node.name, {}, std::move(text)});
}

void Step::note(const char* kind, const Run& run, std::string text) {
  effects_.emplace_back(Note{kind, {}, run.id, std::move(text)});
}

void Step::on(const NodeRegistered& event) {
  Node& known = node_of(state_, event.node);
  const bool comes_up = known.state != NodeState::kUp;
  if (comes_up) note("node_up", known);
  known.state = NodeState::kUp;
  known.host = event.host;
  known.gpus = event.gpus;
  known.last_seen = now_;
  for (Run& run : state_.runs) {
    if (run.awaited.erase(event.node) != 0 && !has_ended(run.status)) rejoin(run, event);
  }
  const auto up = std::count_if(state_.nodes.begin(), state_.nodes.end(),
                                [](const Node& each) { return each.state == NodeState::kUp; });
  if (state_.returning && up >= state_.returning->nodes) state_.returning.reset();
  if (comes_up) give_followers(known);
  place_queued();
  stop_nodes_when_idle();  // it may come while the cluster goes down
}

// What a node still has, it tells again itself. What it was told and does not have, either never reached it (then it is
// told again) or ended with the agent of before.
void Step::rejoin(Run& run, const NodeRegistered& event) {
  const bool is_first = run.shares.front().node == event.node;
  if (run.store.empty()) {
    if (is_first) effects_.emplace_back(OpenStoreOn{event.node, run.id});
    return;
  }
  if (std::find(event.runs.begin(), event.runs.end(), run.id) != event.runs.end()) return;
  if (event.started < run.begun) {
    effects_.emplace_back(StartRunOn{event.node, run.id});
    return;
  }
  if (is_first) run.starter_done = true;
  for (Rank& rank : run.ranks) {
    if (rank.node == event.node) lose_rank(run, rank, message("{} was started anew without it", event.node));
  }
  settle(run);
}

void Step::end_return() {
  state_.returning.reset();
  std::vector<std::string> missing;
  for (const Node& node : state_.nodes) {
    if (node.state == NodeState::kStarting) missing.push_back(node.name);
  }
  for (const std::string& name : missing) {
    on(NodeGone{name, message("it did not come back within {} s of the scheduler's restart", kReturnTimeout)});
  }
  place_queued();
}

void Step::on(const NodeHeard& event) {
  Node* heard = node(event.node);
  if (heard == nullptr) return;
  heard->last_seen = now_;
  if (heard->state != NodeState::kLost) return;
  heard->state = NodeState::kUp;
  note("node_up", *heard, "it is heard again");
  give_followers(*heard);
  place_queued();
}

void Step::on(const NodeGone& event) {
  Node* gone = node(event.node);
  if (gone == nullptr || gone->state == NodeState::kLost || gone->state == NodeState::kDown) return;
  gone->state = state_.is_stopping ? NodeState::kDown : NodeState::kLost;
  gone->vacated_by.reset();
  note(state_.is_stopping ? "node_down" : "node_lost", *gone, event.cause);
  const std::string cause = message("{} was lost: {}", event.node, event.cause);
  for (Run& run : state_.runs) {
    run.awaited.erase(event.node);
    if (has_ended(run.status) || run.shares.empty()) continue;
    if (run.shares.front().node == event.node) run.starter_done = true;
    for (Rank& rank : run.ranks) {
      if (rank.node == event.node) lose_rank(run, rank, cause);
    }
    settle(run);
  }
}

void Step::submit(RunSpec spec) {
  Run run{.id = run_id_of(state_.next_run++), .spec = std::move(spec)};
  run.submitted = now_;
  state_.runs.push_back(std::move(run));
  effects_.emplace_back(AdmitRun{state_.runs.back().id});
  effects_.emplace_back(RecordRun{state_.runs.back().id});
  note("run_queued", state_.runs.back(), display_name(state_.runs.back().spec));
  place_queued();
}

// First come, first served: a run that does not fit holds back those behind it, so that it is not starved. One that is
// bound to a node holds back only what wants the GPUs of that node.
void Step::place_queued() {
  if (state_.is_stopping || state_.returning) return;
  bool are_held_back = false;
  for (Run& run : state_.runs) {
    if (run.status != RunStatus::kQueued || (are_held_back && stands_in_line(run, state_))) continue;
    if (!place(run) && run.spec.node.empty()) are_held_back = true;
  }
}

bool Step::place(Run& run) {
  if (const Run* before = predecessor_of(run, state_)) {
    run.reason = message("waits for {} to end on {}", before->id, run.spec.node);
    return false;
  }
  const std::vector<NodeOffer> offers = offers_to(run, state_);
  std::vector<Share> shares = launcher::place(run.spec, offers);
  if (shares.empty()) {
    run.reason = describe_wait(run.spec, offers);
    const auto drained = drained_nodes(state_);
    if (drained > 0 && run.spec.node.empty()) run.reason += message(" and take ranks, {} are drained", drained);
    return false;
  }
  begin(run, std::move(shares));
  return true;
}

void Step::begin(Run& run, std::vector<Share> shares) {
  run.status = RunStatus::kStarting;
  run.begun = now_;
  run.reason.clear();
  run.shares = std::move(shares);
  run.starter_done = run.spec.starter == Starter::kAgents;
  run.ranks = ranks_of(run.shares);
  run.deadline = now_ + kStoreTimeout;
  effects_.emplace_back(OpenStoreOn{run.shares.front().node, run.id});
  effects_.emplace_back(RecordRun{run.id});
  note("run_starting", run);
}

void Step::on(const StoreOpened& event) {
  Run* run = active_run(event.run_id);
  if (run == nullptr || run->status != RunStatus::kStarting || !run->store.empty()) return;
  const Share& first = run->shares.front();
  if (!event.error.empty()) {
    run->starter_done = true;
    fail(*run, message("{} cannot open the run's store: {}", first.node, event.error), 1);
    for (Rank& rank : run->ranks) lose_rank(*run, rank, "never started");
    settle(*run);
    return;
  }
  const Node* host = node(first.node);
  run->master_host = host == nullptr ? "127.0.0.1" : host->host;
  run->store = message("{}:{}", run->master_host, event.store_port);
  run->master_port = event.master_port;
  run->deadline = now_ + start_timeout(static_cast<int>(run->shares.size()));
  effects_.emplace_back(RecordRun{run->id});
  on_every_node(*run, [&](const std::string& name) { return StartRunOn{name, run->id}; });
}

void Step::on(const StopRequested&) {
  state_.is_stopping = true;
  std::vector<std::string> active;
  for (const Run& run : state_.runs) {
    if (!has_ended(run.status)) active.push_back(run.id);
  }
  for (const std::string& run_id : active) on(CancelRequested{run_id, false, "the cluster goes down"});
  stop_nodes_when_idle();
}

void Step::stop_nodes_when_idle() {
  const bool is_idle =
      std::all_of(state_.runs.begin(), state_.runs.end(), [](const Run& run) { return has_ended(run.status); });
  if (!state_.is_stopping || !is_idle) return;
  for (Node& node : state_.nodes) {
    if (node.state == NodeState::kUp) effects_.emplace_back(StopNode{node.name});
    if (node.state != NodeState::kDown) note("node_down", node);
    node.state = NodeState::kDown;
  }
}

void Step::on(const Tick&) {
  std::vector<std::string> silent;
  for (const Node& node : state_.nodes) {
    if (node.state == NodeState::kUp && now_ - node.last_seen > kHeartbeatTimeout) silent.push_back(node.name);
  }
  for (const std::string& name : silent) on(NodeGone{name, message("no heartbeat for {} s", kHeartbeatTimeout)});
  if (state_.returning && now_ >= state_.returning->until) end_return();
  for (Node& node : state_.nodes) {
    if (node.vacated_by && now_ >= *node.vacated_by) end_followers(node);
    const bool is_awaited = node.state == NodeState::kStarting;
    if (!node.cancel_at || now_ < *node.cancel_at || is_awaited) continue;
    node.cancel_at.reset();
    effects_.emplace_back(RecordDrain{node.name});
    cancel_runs_on(node);
  }
  for (Run& run : state_.runs) {
    if (!has_ended(run.status) && run.deadline && now_ >= *run.deadline) pass_deadline(run);
  }
  let_go_of_idle_nodes();
}

}  // namespace detail

}  // namespace trireme::launcher
