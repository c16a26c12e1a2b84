#pragma once

#include "scheduler/transitions.h"

namespace trireme::launcher::detail {

// One application of one event: changes the state it was given and collects effects. Lives for one apply().
class Step {
 public:
  Step(ClusterState& state, std::vector<Effect>& effects, Seconds now) : state_(state), effects_(effects), now_(now) {}

  void on(const NodeRegistered& event);
  void on(const NodeHeard& event);
  void on(const NodeGone& event);
  void on(const RunSubmitted& event);
  void on(const StoreOpened& event);
  void on(const RankStarted& event);
  void on(const RankReported& event);
  void on(const RankWroteErrors& event);
  void on(const RankExited& event);
  void on(const StarterExited& event);
  void on(const StartFailed& event);
  void on(const CancelRequested& event);
  void on(const DrainRequested& event);
  void on(const UndrainRequested& event);
  void on(const RemoveRequested& event);
  void on(const NodeVacated& event);
  void on(const StopRequested& event);
  void on(const Tick& event);

 private:
  // Null unless the run exists and has not ended.
  Run* active_run(const std::string& run_id);
  Node* node(const std::string& name);

  void note(const char* kind, const Node& node, std::string text = {});
  void note(const char* kind, const Run& run, std::string text = {});

  void submit(RunSpec spec);
  void place_queued();
  // False when it has to wait; `run.reason` says for what.
  bool place(Run& run);
  void cancel(Run& run, bool force, const std::string& reason);
  void cancel_runs_on(Node& node);
  // Of what follows the nodes: what this one lacks is submitted.
  void give_followers(const Node& node);
  // It is about to end on this node.
  void begin_vacating(Node& node);
  void end_followers(Node& node);
  // Its last run is gone: later nodes get none.
  void forget_unwanted(const RunSpec& spec);
  // It has ended, as it seems because the scheduler of before was killed, whose client it was.
  [[nodiscard]] bool was_cut_off(const Run& run) const;
  void let_go_of_idle_nodes();
  // A node of before the scheduler's restart is back.
  void rejoin(Run& run, const NodeRegistered& event);
  void end_return();
  void begin(Run& run, std::vector<Share> shares);
  // Notes the first failure and starts the survivors' grace.
  void fail(Run& run, std::string reason, int exit_code);
  void lose_rank(Run& run, Rank& rank, const std::string& cause);
  void press(Run& run, Pressure pressure);
  void pass_deadline(Run& run);
  void settle(Run& run);
  void finish(Run& run);
  void stop_nodes_when_idle();
  template <typename MakeEffect>
  void on_every_node(const Run& run, MakeEffect make) {
    for (const Share& share : run.shares) effects_.emplace_back(make(share.node));
  }

  ClusterState& state_;
  std::vector<Effect>& effects_;
  Seconds now_;
};

}  // namespace trireme::launcher::detail
