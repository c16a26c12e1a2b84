#include "scheduler/scheduler.h"

#include <CLI/CLI.hpp>
#include <csignal>

#include <spdlog/spdlog.h>

#include "agent/child_process.h"
#include "api/api_server.h"
#include "cli/commands.h"
#include "dask/dask_server.h"
#include "scheduler/services.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::hours kLong{1};

SchedulerOptions adjusted(SchedulerOptions options) {
  options.launcher = own_path();
  if (options.provider == "local") options.interface = "lo";
  return options;
}

int serve_cluster(const SchedulerOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  Scheduler scheduler(adjusted(options));
  const auto services = make_services(scheduler, nullptr);
  ApiServer::Options served{.host = options.host, .port = options.http_port};
  for (const auto& service : services) served.services.push_back(service.get());
  const ApiServer api(served, scheduler);
  const DaskServer dask({.host = options.host,
                         .port = options.dask_port,
                         .dashboard_port = options.http_port,
                         .cluster_name = options.name},
                        scheduler);
  spdlog::info("cluster={} host={} http_port={} dask_port={} nodes={}", options.name, options.host, options.http_port,
               options.dask_port, options.expected_nodes);
  while (!scheduler.wait_until_stopped(kLong)) {
  }
  spdlog::info("cluster={} stopped", options.name);
  return 0;
}

}  // namespace

void add_scheduler(CLI::App& app, Action& action) {
  auto options = std::make_shared<SchedulerOptions>();
  CLI::App* command = app.add_subcommand("scheduler", "Serve a cluster until it is taken down")->group("");
  command->add_option("--name", options->name, "The cluster's name")->capture_default_str();
  command->add_option("--state-folder", options->state_folder, "Where history and runs are kept")->required();
  command->add_option("--host", options->host, "Address to listen on")->capture_default_str();
  command->add_option("--dask-port", options->dask_port, "Port for Dask clients")->capture_default_str();
  command->add_option("--http-port", options->http_port, "Port of gRPC, HTTP and the dashboard")->capture_default_str();
  command->add_option("--nodes", options->expected_nodes, "Nodes that make the cluster complete")
      ->capture_default_str();
  command->add_flag("--resume", options->resume, "Go on with the runs of a scheduler that ended before its nodes");
  command->footer("Example: launcher scheduler --state-folder ~/.local/state/trireme/default --nodes 4");
  command->callback([options, &action] { action = [options] { return serve_cluster(*options); }; });
}

}  // namespace trireme::launcher
