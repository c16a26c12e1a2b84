#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include "access/certificate.h"
#include "access/private_file.h"
#include "access/served_names.h"
#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/dask_workers.h"
#include "cli/exit_codes.h"
#include "jobs/run_spec.h"
#include "providers/local/local_provider.h"
#include "providers/owner_client.h"
#include "scheduler/client.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct UpOptions {
  UpRequest request;
  std::string provider = "local";
  bool json = false;
  bool dask = false;  // with Dask workers, of
  std::string dask_command;
};

// Brings a cluster whose scheduler was killed back to its nodes. nullopt when there is nothing to bring back.
std::optional<ClusterRecord> revive(const std::string& name) {
  const std::optional<ClusterRecord> known = load_cluster(name);
  if (!known || !make_local_provider()->lacks_only_scheduler(*known)) return std::nullopt;
  std::cerr << message("the scheduler of cluster {} has ended and its nodes have not; going on with them\n", name);
  return make_local_provider()->revive(*known, [](const std::string& line) { std::cerr << line << '\n'; });
}

void reject_second(const std::string& name) {
  const std::optional<ClusterRecord> known = load_cluster(name);
  if (!known) return;
  if (!is_answering(*known)) {
    // A machine that rebooted, or a scheduler that was killed, leaves a record behind.
    make_local_provider()->down(*known, [](const std::string&) {});
    return;
  }
  const std::string option = cluster_option(name);
  throw CommandError(kConflict, message("cluster {} is already up with {} nodes at {}/; go on with: launcher "
                                        "status{} | launcher run{} -- PROGRAM | launcher down{}",
                                        name, known->nodes, http_url(*known), option, option, option));
}

void print_result(const ClusterRecord& record) {
  const std::string option = cluster_option(record.name);
  std::cout << message("cluster {} is up: {} node{}\n", record.name, record.nodes, record.nodes == 1 ? "" : "s")
            << message("  dashboard  {}/\n", http_url(record))
            << message("  dask       tcp://{}:{}\n", record.host, record.dask_port)
            << message("  next       launcher run{} -n {} -- PROGRAM | launcher status{} | launcher down{}\n", option,
                       record.nodes, option, option);
  if (record.certificate.empty()) return;
  std::cout << message("  log in     launcher dashboard{}\n", option)
            << message("  certificate {}\n    SHA-256  {}\n", record.certificate.string(),
                       look_at_certificate(read_private_file(record.certificate)).fingerprint);
}

void warn_if_open_to_others(const ClusterRecord& record) {
  if (!record.certificate.empty() || is_loopback(record.listen)) return;
  std::cerr << message(
      "launcher: warning: --insecure: whoever reaches {} port {} can run programs as {}, and whoever is "
      "on the way can read what is sent\n",
      record.listen, record.http_port, getuid() == 0 ? "root" : "you");
}

bool has_dask_workers(SchedulerClient& client) {
  return std::ranges::any_of(
      client.runs(), [](const RunView& run) { return run.name == kDaskWorker && run.follows_nodes && !run.ended; });
}

// A cluster that was brought back has its workers still.
void start_dask_workers(const UpOptions& options, const ClusterRecord& record) {
  SchedulerClient client = connect_as_owner(record);
  if (has_dask_workers(client)) return;
  const std::string first = client.submit(dask_worker(record, options.dask_command, options.request.gpu));
  const std::string option = cluster_option(record.name);
  std::cerr << message(
      "a Dask worker is starting on every node, and will on those that come later; which run is where: launcher "
      "runs{}; the first one's output: launcher logs{} {}\n",
      option, option, first);
}

int bring_up(const UpOptions& options) {
  static_cast<void>(state_folder(options.request.name));
  if (options.request.dask_port == options.request.http_port) {
    throw CommandError(kBadInput,
                       message("--dask-port and --http-port are both {}; give two ports", options.request.http_port));
  }
  static_cast<void>(decide_guard(options.request.guard));
  // That there is no dask is told before anything is started.
  if (options.dask)
    static_cast<void>(dask_worker({.nodes = options.request.nodes}, options.dask_command, options.request.gpu));
  const ClusterLock lock = lock_cluster(options.request.name);
  std::optional<ClusterRecord> revived = revive(options.request.name);
  if (!revived) reject_second(options.request.name);
  const auto progress = [](const std::string& line) { std::cerr << line << '\n'; };
  const ClusterRecord record = revived ? *std::move(revived) : make_local_provider()->up(options.request, progress);
  warn_if_open_to_others(record);
  if (options.dask) start_dask_workers(options, record);
  if (options.json) {
    std::cout << nlohmann::json{{"name", record.name},
                                {"host", record.host},
                                {"url", http_url(record)},
                                {"nodes", record.nodes},
                                {"ports", {{"dask", record.dask_port}, {"http", record.http_port}}}}
                     .dump()
              << '\n';
  } else {
    print_result(record);
  }
  return kOk;
}

}  // namespace

namespace {

// Who may come to port 8787, and what it shows them; see docs/access.md.
void add_guard_options(CLI::App& command, UpRequest& request) {
  command
      .add_option("--listen", request.guard.listen,
                  "Address of gRPC, HTTP and the dashboard; beyond loopback with TLS and tokens")
      ->capture_default_str();
  command.add_flag("--secure", request.guard.secure, "TLS and tokens on loopback too: for machines with other users");
  command.add_flag("--insecure", request.guard.insecure, "Beyond loopback without TLS and tokens");
  command
      .add_option("--host-name", request.names, "A name the cluster is reached by, besides this machine's; repeatable")
      ->take_all()
      ->expected(1);
  command.add_option("--certificate", request.certificate, "Your own certificate with its chain, PEM; with --key");
  command.add_option("--key", request.key, "The certificate's private key, PEM, without a passphrase");
}

}  // namespace

void add_up(CLI::App& app, Action& action) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* command = app.add_subcommand("up", "Start a cluster: a scheduler and N nodes");
  command->add_option("--nodes", options->request.nodes, message("How many nodes, 1 to {}", kMostNodes))
      ->check(CLI::Range(1, kMostNodes))
      ->capture_default_str();
  command->add_flag("--gpu", options->request.gpu, "Nodes have GPUs; an error when there are none");
  command->add_option("--name,--cluster", options->request.name, "The cluster's name")->capture_default_str();
  command->add_option("--dask-port", options->request.dask_port, "Port for Dask clients")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command->add_option("--http-port", options->request.http_port, "Port of gRPC, HTTP and the dashboard")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command->add_option("--provider", options->provider, "Where nodes come from")
      ->check(CLI::IsMember({"local"}))
      ->capture_default_str();
  add_guard_options(*command, options->request);
  CLI::Option* dask = command->add_option("--dask", options->dask_command,
                                          "A Dask worker on every node, also on those that come later: `dask worker`, "
                                          "or the shell words of =COMMAND");
  dask->expected(0, 1)->type_name("[=COMMAND]");
  command->add_flag("--json", options->json, "Print {name, host, url, nodes, ports} instead of text");
  command->footer(
      "Example: launcher up --nodes 4\n"
      "         launcher up --nodes 2 --dask='dask worker --nthreads 1 --memory-limit 2GiB'\n"
      "         launcher up --nodes 4 --listen 0.0.0.0 --host-name train.example.org\n"
      "When only the scheduler of a cluster has ended, up starts it again: nodes and runs go on.");
  command->callback([options, dask, &action] {
    options->dask = dask->count() > 0;
    action = [options] { return bring_up(*options); };
  });
}

}  // namespace trireme::launcher
