#include "cli/scheduler_actions.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "agent/child_process.h"
#include "cli/shell_environment.h"
#include "jobs/program.h"
#include "scheduler/scheduler.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

std::string home_of(const std::map<std::string, std::string>& environment) {
  const auto home = environment.find("HOME");
  return home == environment.end() || home->second.empty() ? "/" : home->second;
}

class SchedulerActions final : public Actions {
 public:
  SchedulerActions(Scheduler& scheduler, std::string cluster) : scheduler_(scheduler), cluster_(std::move(cluster)) {}

  std::string submit(const WantedRun& wanted) override {
    RunSpec spec = wanted.spec;
    spec.environment.merge(shell_environment({}));  // what the request names stays
    if (spec.working_directory.empty()) spec.working_directory = home_of(spec.environment);
    if (!std::filesystem::is_directory(spec.working_directory)) {
      throw ConfigError(message("there is no folder {}", spec.working_directory));
    }
    const auto path = spec.environment.find("PATH");
    const auto program = resolve_program(spec.command.front(), spec.working_directory,
                                         path == spec.environment.end() ? "/usr/bin:/bin" : path->second);
    spec.command.front() = program.string();
    spec.starter = wanted.mpi.value_or(loads_mpi(program)) ? Starter::kMpirun : Starter::kAgents;
    return scheduler_.submit(spec);
  }

  std::string rerun(const std::string& run_id) override {
    static_cast<void>(require_run(run_id));
    if (const std::optional<RunSpec> spec = scheduler_.spec(run_id)) return scheduler_.submit(*spec);
    throw NotOfferedError(message("what {} was asked for was not kept; submit it again", run_id));
  }

  std::string cancel(const std::string& run_id, bool force, const std::string& reason) override {
    const std::string status = require_run(run_id).status;
    scheduler_.post(CancelRequested{run_id, force, reason});
    return status;
  }

  void drain(const std::string& node) override {
    require_node(node);
    scheduler_.post(DrainRequested{node, std::nullopt});
  }
  void undrain(const std::string& node) override {
    require_node(node);
    scheduler_.post(UndrainRequested{node});
  }
  // By the command that the button stands for. What it does is seen by the nodes that come and go.
  void scale(int nodes) override {
    const pid_t command = spawn({.command = {own_path(), "scale", std::to_string(nodes), "--cluster", cluster_},
                                 .standard_error = STDERR_FILENO,
                                 .new_session = true});
    std::thread([command] { static_cast<void>(wait_for(command)); }).detach();
  }

 private:
  void require_node(const std::string& node) const {
    if (!scheduler_.node(node)) throw NoSuchThingError(message("there is no node {}; /json/status lists them", node));
  }

  RunView require_run(const std::string& run_id) const {
    if (std::optional<RunView> run = scheduler_.run(run_id)) return *std::move(run);
    throw NoSuchThingError(message("there is no run {}; /json/status lists them", run_id));
  }

  Scheduler& scheduler_;
  const std::string cluster_;
};

}  // namespace

std::unique_ptr<Actions> make_actions(Scheduler& scheduler, const std::string& cluster) {
  return std::make_unique<SchedulerActions>(scheduler, cluster);
}

}  // namespace trireme::launcher
