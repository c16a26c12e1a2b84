#include <algorithm>

#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "jobs/mpirun_command.h"
#include "scheduler/clock.h"
#include "scheduler/convert.h"
#include "scheduler/restart.h"
#include "scheduler/scheduler.h"
#include "scheduler/views.h"
#include "trireme/base/error.h"
#include "trireme/v1/agent.pb.h"

// How the scheduler's decisions become commands to agents. All under the scheduler's lock: outboxes never block here.
namespace trireme::launcher {

using trireme::v1::AgentCommand;

namespace {

bool is_record(const Effect& effect) {
  return std::holds_alternative<AdmitRun>(effect) || std::holds_alternative<RecordRun>(effect) ||
         std::holds_alternative<RecordDrain>(effect);
}

}  // namespace

// Records first: no node hears of what a scheduler that is killed now would not know.
void Scheduler::carry_out(const std::vector<Effect>& effects) {
  for (const bool are_records : {true, false}) {
    for (const Effect& effect : effects) {
      if (is_record(effect) == are_records) std::visit([this](const auto& what) { carry_out(what); }, effect);
    }
  }
}

void Scheduler::send(const std::string& node, std::shared_ptr<AgentCommand> command) {
  const auto found = outboxes_.find(node);
  if (found != outboxes_.end()) found->second->put(std::move(command));
}

void Scheduler::carry_out(const OpenStoreOn& effect) {
  auto command = std::make_shared<AgentCommand>();
  command->mutable_open_store()->set_run_id(effect.run_id);
  send(effect.node, std::move(command));
}

void Scheduler::carry_out(const StartRunOn& effect) {
  if (const Run* run = find_run(state_, effect.run_id)) send(effect.node, start_command(*run, effect.node));
}

std::shared_ptr<AgentCommand> Scheduler::start_command(const Run& run, const std::string& node) const {
  auto command = std::make_shared<AgentCommand>();
  v1::StartRun& start = *command->mutable_start_run();
  start.set_run_id(run.id);
  *start.mutable_spec() = to_proto(run.spec);
  start.set_run_folder((runs_folder_ / run.id).string());
  start.set_store(run.store);
  start.set_master_host(run.master_host);
  start.set_master_port(run.master_port);
  start.set_world_size(static_cast<int>(run.ranks.size()));
  const auto share = std::find_if(run.shares.begin(), run.shares.end(), [&](const Share& s) { return s.node == node; });
  start.set_first_rank(share->first_rank);
  start.set_local_size(share->ranks);
  start.set_node_rank(static_cast<int>(share - run.shares.begin()));
  start.set_start_ranks(run.spec.starter == Starter::kAgents);
  if (run.spec.starter == Starter::kMpirun && share == run.shares.begin()) {
    const MpirunOptions options{.launcher = options_.launcher, .run_id = run.id, .interface = options_.interface};
    for (const std::string& word : mpirun_command(options, run.shares)) start.add_starter(word);
  }
  return command;
}

void Scheduler::carry_out(const SignalRunOn& effect) {
  auto command = std::make_shared<AgentCommand>();
  command->mutable_signal_run()->set_run_id(effect.run_id);
  command->mutable_signal_run()->set_signal(effect.signal);
  send(effect.node, std::move(command));
}

void Scheduler::carry_out(const ReleaseRunOn& effect) {
  auto command = std::make_shared<AgentCommand>();
  command->mutable_release_run()->set_run_id(effect.run_id);
  send(effect.node, std::move(command));
}

void Scheduler::carry_out(const ReportLostOn& effect) {
  auto command = std::make_shared<AgentCommand>();
  v1::ReportLost& report = *command->mutable_report_lost();
  report.set_run_id(effect.run_id);
  report.set_rank(effect.rank);
  report.set_node(effect.rank_node);
  report.set_cause(effect.cause);
  send(effect.node, std::move(command));
}

void Scheduler::carry_out(const CloseRunOn& effect) {
  auto command = std::make_shared<AgentCommand>();
  command->mutable_close_run()->set_run_id(effect.run_id);
  send(effect.node, std::move(command));
  logs_.close(effect.run_id);
  ended_curves_.push_back(effect.run_id);
}

void Scheduler::carry_out(const StopNode& effect) {
  auto command = std::make_shared<AgentCommand>();
  command->mutable_stop();
  send(effect.node, std::move(command));
}

void Scheduler::carry_out(const VacateNode& effect) {
  if (!evacuate_) {
    take(NodeVacated{effect.node});
    return;
  }
  evacuate_(effect.node, [this, node = effect.node] { post(NodeVacated{node}); });
}

void Scheduler::carry_out(const AdmitRun& effect) {
  const Run* run = find_run(state_, effect.run_id);
  if (run == nullptr) return;
  std::error_code error;
  std::filesystem::create_directories(runs_folder_ / run->id, error);
  if (error) spdlog::error("run={} cannot make its folder: {}", run->id, error.message());
  save_spec(run->id, run->spec);
}

void Scheduler::carry_out(const RecordRun& effect) {
  are_nodes_unsaved_ = true;
  const Run* run = find_run(state_, effect.run_id);
  if (run == nullptr) return;
  try {
    std::string document;
    if (!has_ended(run->status)) nlohmann::json::to_cbor(to_document(*run), document);  // bytes need not be UTF-8
    history_.save_run(view_of(*run, runs_folder_), document);
  } catch (const Error& error) {
    spdlog::error("run={} {}", run->id, error.what());
  }
  spdlog::info("run={} status={} exit_code={} reason={}", run->id, to_string(run->status), run->exit_code.value_or(0),
               run->reason);
}

void Scheduler::carry_out(const RecordDrain& effect) {
  are_nodes_unsaved_ = true;
  const Node* node = find_node(state_, effect.node);  // null once it was removed
  std::optional<Drain> drain;
  if (node != nullptr && node->is_draining) drain = Drain{node->cancel_at.value_or(0), node->is_leaving};
  try {
    history_.save_drain(effect.node, drain);
  } catch (const Error& error) {
    spdlog::error("node={} {}", effect.node, error.what());
  }
}

void Scheduler::carry_out(const Note& effect) {
  spdlog::info("event={} node={} run={} text={}", effect.kind, effect.node, effect.run_id, effect.text);
  try {
    history_.save_event({.time = seconds_since_epoch(),
                         .kind = effect.kind,
                         .node = effect.node,
                         .run_id = effect.run_id,
                         .text = effect.text});
  } catch (const Error& error) {
    spdlog::error("event={} {}", effect.kind, error.what());
  }
}

}  // namespace trireme::launcher
