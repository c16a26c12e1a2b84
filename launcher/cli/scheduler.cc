#include "scheduler/scheduler.h"

#include <CLI/CLI.hpp>
#include <csignal>

#include <spdlog/spdlog.h>

#include "access/access_folder.h"
#include "agent/child_process.h"
#include "api/api_server.h"
#include "cli/commands.h"
#include "cli/scheduler_actions.h"
#include "dask/dask_server.h"
#include "scheduler/live_task_board.h"
#include "scheduler/services.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::hours kLong{1};

struct ServeOptions {
  SchedulerOptions scheduler;
  GuardWishes guard;
  std::vector<std::string> names;
};

SchedulerOptions adjusted(SchedulerOptions options, const TaskSource& tasks) {
  options.tasks = &tasks;
  options.launcher = own_path();
  if (options.provider == "local") options.interface = "lo";
  return options;
}

std::optional<ApiServer::Guarded> guard_of(const ServeOptions& options) {
  if (decide_guard(options.guard) == Guard::kOpen) return std::nullopt;
  const AccessFiles files(options.scheduler.state_folder);
  return ApiServer::Guarded{.tokens = files.tokens, .certificate = files.certificate, .key = files.key};
}

int serve_cluster(const ServeOptions& wishes) {
  signal(SIGPIPE, SIG_IGN);
  const SchedulerOptions& options = wishes.scheduler;
  LiveTaskBoard tasks;
  Scheduler scheduler(adjusted(options, tasks));
  const auto services = make_services(scheduler, &tasks);
  const auto actions = make_actions(scheduler, options.name);
  ApiServer::Options served{.host = wishes.guard.listen,
                            .port = options.http_port,
                            .guarded = guard_of(wishes),
                            .names = wishes.names,
                            .actions = actions.get()};
  for (const auto& service : services) served.services.push_back(service.get());
  const ApiServer api(served, scheduler);
  DaskServer dask({.host = options.host,
                   .port = options.dask_port,
                   .dashboard_port = options.http_port,
                   .cluster_name = options.name,
                   .board = &tasks},
                  scheduler);
  // Of what runs on every node, Dask workers alone keep something that others need; they are named after their nodes.
  scheduler.evacuate_by(
      [&dask](const std::string& node, std::function<void()> done) { dask.retire(node, std::move(done)); });
  spdlog::info("cluster={} host={} http_port={} dask_port={} nodes={}", options.name, options.host, options.http_port,
               options.dask_port, options.expected_nodes);
  while (!scheduler.wait_until_stopped(kLong)) {
  }
  scheduler.evacuate_by({});
  spdlog::info("cluster={} stopped", options.name);
  return 0;
}

}  // namespace

void add_scheduler(CLI::App& app, Action& action) {
  auto wishes = std::make_shared<ServeOptions>();
  SchedulerOptions* options = &wishes->scheduler;
  CLI::App* command = app.add_subcommand("scheduler", "Serve a cluster until it is taken down")->group("");
  command->add_option("--name", options->name, "The cluster's name")->capture_default_str();
  command->add_option("--state-folder", options->state_folder, "Where history and runs are kept")->required();
  command->add_option("--host", options->host, "Address of the Dask port")->capture_default_str();
  command->add_option("--dask-port", options->dask_port, "Port for Dask clients")->capture_default_str();
  command->add_option("--http-port", options->http_port, "Port of gRPC, HTTP and the dashboard")->capture_default_str();
  command->add_option("--nodes", options->expected_nodes, "Nodes that make the cluster complete")
      ->capture_default_str();
  command->add_flag("--resume", options->resume, "Go on with the runs of a scheduler that ended before its nodes");
  command->add_option("--listen", wishes->guard.listen, "Address of gRPC, HTTP and the dashboard")
      ->capture_default_str();
  command->add_flag("--secure", wishes->guard.secure, "TLS and tokens on loopback too");
  command->add_flag("--insecure", wishes->guard.insecure, "Beyond loopback without TLS and tokens");
  command->add_option("--host-name", wishes->names, "A name the cluster is reached by")->take_all()->expected(1);
  command->footer("Example: launcher scheduler --state-folder ~/.local/state/trireme/default --nodes 4");
  command->callback([wishes, &action] { action = [wishes] { return serve_cluster(*wishes); }; });
}

}  // namespace trireme::launcher
