#include "providers/local/local_provider.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "access/access_folder.h"
#include "access/served_names.h"
#include "agent/child_process.h"
#include "agent/free_port.h"
#include "providers/leaving_nodes.h"
#include "providers/local/port_holder.h"
#include "providers/owner_client.h"
#include "scheduler/client.h"
#include "scheduler/clock.h"
#include "trireme/base/message.h"
#include "trireme/topology/gpu_inventory.h"

namespace trireme::launcher {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kSchedulerRole = "scheduler";
constexpr std::chrono::milliseconds kPoll{50};
constexpr std::chrono::seconds kSchedulerStart{20};
constexpr std::size_t kLongestTemporaryRoot = 48;  // leaves room for a socket's name in 107 bytes

void pause() { std::this_thread::sleep_for(kPoll); }

// A zombie of ours would look like a process that will not end, were it not reaped.
bool is_running(const ProcessIdentity& process) {
  waitpid(process.pid, nullptr, WNOHANG);
  return is_alive(process);
}

std::string last_line_of(const fs::path& file) {
  std::ifstream stream(file);
  std::string last;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) last = line;
  }
  return last.empty() ? "its log is empty" : last;
}

// The command line to type again, up to what is to be changed in it.
std::string command_without_ports(const UpRequest& request) {
  return message("launcher up --nodes {}{}", request.nodes, request.name == "default" ? "" : " --name " + request.name);
}

fs::path make_runtime_folder() {
  const char* configured = std::getenv("TMPDIR");
  fs::path root = configured == nullptr || *configured == '\0' ? "/tmp" : configured;
  if (root.string().size() > kLongestTemporaryRoot) root = "/tmp";
  std::string name = (root / "trireme-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw ResourceError(message("cannot make a folder in {}: {}; set TMPDIR", root.string(), std::strerror(errno)));
  }
  return name;
}

// Agents remove what they made; this is for agents that were killed.
void remove_runtime_files(const ClusterRecord& record) {
  std::error_code ignored;
  const std::string prefix = record.runtime_folder.filename().string();
  if (prefix.empty()) return;
  fs::remove_all(record.runtime_folder, ignored);
  for (const fs::directory_entry& entry : fs::directory_iterator("/dev/shm", ignored)) {
    if (entry.path().filename().string().starts_with(prefix)) fs::remove_all(entry.path(), ignored);
  }
}

std::string describe(const std::vector<topology::SearchedPlace>& looked_at) {
  std::string text;
  for (const auto& [place, found] : looked_at) text += message("{}{}: {}", text.empty() ? "" : "; ", place, found);
  return text;
}

std::string node_name(int index) { return message("node{}", index); }

class LocalProvider final : public ClusterProvider {
 public:
  ClusterRecord up(const UpRequest& request, const Progress& progress) override;
  bool lacks_only_scheduler(const ClusterRecord& record) override;
  ClusterRecord revive(const ClusterRecord& record, const Progress& progress) override;
  ClusterRecord scale(const ClusterRecord& record, int nodes, std::optional<double> cancel_after,
                      const Progress& progress) override;
  void down(const ClusterRecord& record, const Progress& progress) override;

 private:
  static void check_ports(const UpRequest& request);
  static fs::path prepare_certificate(const UpRequest& request, const ClusterRecord& record);
  static int gpus_of_node(const UpRequest& request, int node);
  static void start(ClusterRecord& record, const std::string& role, std::vector<std::string> command);
  static void start_scheduler(ClusterRecord& record, bool resume, const Progress& progress);
  static void start_agent(ClusterRecord& record, const std::string& node, int gpus);
  static void start_nodes(ClusterRecord& record, int count, const Progress& progress);
  static void remove_nodes(ClusterRecord& record, int count, std::optional<double> cancel_after,
                           const Progress& progress);
  static void await_nodes(const ClusterRecord& record, long nodes, const Progress& progress);
  static void check_alive(const ClusterRecord& record);
  static void end_processes(const ClusterRecord& record, Clock::time_point deadline);
};

void LocalProvider::check_ports(const UpRequest& request) {
  for (std::uint16_t port : {request.dask_port, request.http_port}) {
    const bool is_taken_there =
        port == request.http_port && is_ipv4(request.guard.listen) && !is_port_free(request.guard.listen, port);
    if (is_port_free("127.0.0.1", port) && !is_taken_there) continue;
    throw ResourceError(message("port {} is taken by {}; choose others: {}{} --dask-port {} --http-port {}", port,
                                describe_port_holder(port), command_without_ports(request), request.gpu ? " --gpu" : "",
                                free_port("127.0.0.1"), free_port("127.0.0.1")));
  }
}

// Returns what the port will show.
fs::path LocalProvider::prepare_certificate(const UpRequest& request, const ClusterRecord& record) {
  const AccessFiles files(state_folder(record.name));
  prepare_access(files,
                 {.cluster = record.name,
                  .listen = record.listen,
                  .names = record.names,
                  .certificate = request.certificate,
                  .key = request.key},
                 record.started);
  return files.certificate;
}

int LocalProvider::gpus_of_node(const UpRequest& request, int node) {
  if (!request.gpu) return 0;
  const int gpus = topology::inspect_gpus().usable_gpus();
  return gpus / request.nodes + (node < gpus % request.nodes ? 1 : 0);
}

ClusterRecord LocalProvider::up(const UpRequest& request, const Progress& progress) {
  const topology::GpuInventory inventory = topology::inspect_gpus();
  if (request.gpu && inventory.usable_gpus() == 0) {
    throw ResourceError(
        message("0 of {} nodes have a GPU (looked at {}); start without GPUs: {}, or run this on a machine with an "
                "NVIDIA driver; nothing was started",
                request.nodes, describe(inventory.looked_at), command_without_ports(request)));
  }
  check_ports(request);
  const Guard guard = decide_guard(request.guard);
  ClusterRecord record{.name = request.name,
                       .dask_port = request.dask_port,
                       .http_port = request.http_port,
                       .listen = request.guard.listen,
                       .names = request.names,
                       .nodes = request.nodes,
                       .started = seconds_since_epoch()};
  if (guard == Guard::kGuarded) record.certificate = prepare_certificate(request, record);
  record.runtime_folder = make_runtime_folder();
  try {
    save_cluster(record);
    start_scheduler(record, false, progress);
    progress(message("starting {} node{}", record.nodes, record.nodes == 1 ? "" : "s"));
    for (int index = 0; index < record.nodes; ++index) {
      start_agent(record, node_name(index), gpus_of_node(request, index));
    }
    await_nodes(record, record.nodes, progress);
  } catch (...) {
    progress("ending what was started");
    end_processes(record, Clock::now());
    remove_runtime_files(record);
    forget_cluster(record.name);
    throw;
  }
  return record;
}

void LocalProvider::start(ClusterRecord& record, const std::string& role, std::vector<std::string> command) {
  const fs::path log = state_folder(record.name) / "logs" / (role + ".log");
  const UniqueFd output(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  command.insert(command.begin(), own_path());
  const pid_t pid = spawn({.command = std::move(command),
                           .working_directory = state_folder(record.name).string(),
                           .standard_output = output.get(),
                           .standard_error = output.get(),
                           .new_session = true});
  const std::optional<ProcessIdentity> identity = identify(pid);
  if (!identity) throw ResourceError(message("{} ended at once: {}", role, last_line_of(log)));
  record.processes.push_back({role, *identity});
  save_cluster(record);
}

void LocalProvider::check_alive(const ClusterRecord& record) {
  for (const ClusterProcess& process : record.processes) {
    if (is_running(process.identity)) continue;
    const fs::path log = state_folder(record.name) / "logs" / (process.role + ".log");
    throw ResourceError(
        message("{} ended while it started: {} (in {})", process.role, last_line_of(log), log.string()));
  }
}

void LocalProvider::start_scheduler(ClusterRecord& record, bool resume, const Progress& progress) {
  progress(resume ? "starting the scheduler again" : "starting the scheduler");
  std::vector<std::string> command = {"scheduler",
                                      "--name",
                                      record.name,
                                      "--state-folder",
                                      state_folder(record.name).string(),
                                      "--host",
                                      record.host,
                                      "--dask-port",
                                      std::to_string(record.dask_port),
                                      "--http-port",
                                      std::to_string(record.http_port),
                                      "--nodes",
                                      std::to_string(record.nodes),
                                      "--listen",
                                      record.listen};
  for (const std::string& name : record.names) command.insert(command.end(), {"--host-name", name});
  if (!record.certificate.empty()) command.emplace_back("--secure");
  if (record.certificate.empty() && !is_loopback(record.listen)) command.emplace_back("--insecure");
  if (resume) command.emplace_back("--resume");
  start(record, kSchedulerRole, std::move(command));
  const Clock::time_point deadline = Clock::now() + kSchedulerStart;
  while (Clock::now() < deadline) {
    check_alive(record);
    // The Dask port opens last.
    if (!is_port_free(record.host, record.dask_port) &&
        !is_port_free(host_without_port(http_address(record)), record.http_port)) {
      return;
    }
    pause();
  }
  throw ResourceError(message("the scheduler did not open ports {} and {} within {} s; its log is in {}",
                              record.dask_port, record.http_port, kSchedulerStart.count(),
                              (state_folder(record.name) / "logs").string()));
}

void LocalProvider::start_agent(ClusterRecord& record, const std::string& node, int gpus) {
  const fs::path folder = record.runtime_folder / node;
  fs::create_directories(folder);
  std::vector<std::string> command = {"agent",
                                      "--node",
                                      node,
                                      "--host",
                                      record.host,
                                      "--scheduler",
                                      http_address(record),
                                      "--folder",
                                      folder.string(),
                                      "--gpus",
                                      std::to_string(gpus)};
  if (!record.certificate.empty()) {
    const AccessFiles files(state_folder(record.name));
    command.insert(command.end(), {"--certificate", record.certificate, "--token-file", files.node_token});
  }
  start(record, node, std::move(command));
}

void LocalProvider::await_nodes(const ClusterRecord& record, long nodes, const Progress& progress) {
  SchedulerClient client = connect_as_owner(record);
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(20 + record.nodes);
  long shown = -1;
  while (Clock::now() < deadline) {
    check_alive(record);
    const ClusterSnapshot snapshot = client.status();
    const long up = std::count_if(snapshot.nodes.begin(), snapshot.nodes.end(),
                                  [](const NodeView& node) { return node.state == "up" || node.state == "draining"; });
    if (up != shown) progress(message("{} of {} nodes are up", shown = up, record.nodes));
    if (up >= nodes) return;
    pause();
  }
  throw ResourceError(message("only {} of {} nodes registered; their logs are in {}", shown, record.nodes,
                              (state_folder(record.name) / "logs").string()));
}

ClusterRecord LocalProvider::scale(const ClusterRecord& record, int nodes, std::optional<double> cancel_after,
                                   const Progress& progress) {
  ClusterRecord scaled = record;
  std::erase_if(scaled.processes, [](const ClusterProcess& process) { return !is_running(process.identity); });
  const auto has = static_cast<int>(scaled.processes.size()) - 1;  // but for the scheduler
  if (nodes > has) start_nodes(scaled, nodes - has, progress);
  if (nodes < has) remove_nodes(scaled, has - nodes, cancel_after, progress);
  scaled.nodes = nodes;
  save_cluster(scaled);
  return scaled;
}

void LocalProvider::start_nodes(ClusterRecord& record, int count, const Progress& progress) {
  const std::vector<NodeView> nodes = connect_as_owner(record).status().nodes;
  if (std::ranges::any_of(nodes, [](const NodeView& node) { return node.gpus > 0; })) {
    throw ResourceError(
        "the GPUs of this machine are dealt out to the nodes that the cluster came up with; to have "
        "more nodes: launcher down, then launcher up --gpu --nodes N");
  }
  progress(message("starting {} node{}", count, count == 1 ? "" : "s"));
  const auto is_taken = [&](const std::string& name) {
    return std::ranges::any_of(record.processes, [&](const ClusterProcess& process) { return process.role == name; });
  };
  for (int index = 0; count > 0; ++index) {
    if (is_taken(node_name(index))) continue;
    start_agent(record, node_name(index), 0);
    --count;
  }
  record.nodes = static_cast<int>(record.processes.size()) - 1;
  await_nodes(record, record.nodes, progress);
}

void LocalProvider::remove_nodes(ClusterRecord& record, int count, std::optional<double> cancel_after,
                                 const Progress& progress) {
  SchedulerClient client = connect_as_owner(record);
  const std::vector<std::string> leaving = nodes_to_remove(client.status(), count);
  for (const std::string& node : leaving) {
    if (cancel_after) static_cast<void>(client.drain(node, cancel_after));
    client.remove_node(node);
  }
  std::string shown;
  for (;;) {
    const std::string waits = describe_leaving(client.status(), leaving);
    if (waits.empty()) break;
    if (waits != std::exchange(shown, waits)) progress(waits);
    pause();
  }
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(kDownPatience);
  for (const std::string& node : leaving) {
    const auto process = std::ranges::find(record.processes, node, &ClusterProcess::role);
    if (process == record.processes.end()) continue;
    while (is_running(process->identity) && Clock::now() < deadline) pause();
    send_signal(process->identity, SIGKILL);
    record.processes.erase(process);
    progress(message("{} is gone", node));
  }
}

bool LocalProvider::lacks_only_scheduler(const ClusterRecord& record) {
  bool has_node = false;
  for (const ClusterProcess& process : record.processes) {
    if (!is_alive(process.identity)) continue;
    if (process.role == kSchedulerRole) return false;
    has_node = true;
  }
  return has_node;
}

ClusterRecord LocalProvider::revive(const ClusterRecord& record, const Progress& progress) {
  ClusterRecord revived = record;
  std::erase_if(revived.processes, [](const ClusterProcess& process) { return !is_alive(process.identity); });
  const auto alive = static_cast<long>(revived.processes.size());
  for (std::uint16_t port : {record.dask_port, record.http_port}) {
    if (is_port_free(record.host, port)) continue;
    throw ResourceError(
        message("the scheduler of cluster {} cannot come back: its port {} is taken by {}; free it and "
                "try again",
                record.name, port, describe_port_holder(port)));
  }
  start_scheduler(revived, true, progress);
  await_nodes(revived, alive, progress);
  return revived;
}

// Agents first: a scheduler that is gone cannot tell them to go. Each gets SIGTERM, and SIGKILL two seconds later.
void LocalProvider::end_processes(const ClusterRecord& record, Clock::time_point deadline) {
  const auto any_running = [&] {
    return std::any_of(record.processes.begin(), record.processes.end(),
                       [](const ClusterProcess& process) { return is_running(process.identity); });
  };
  while (any_running() && Clock::now() < deadline) pause();
  for (int signal : {SIGTERM, SIGKILL}) {
    for (auto process = record.processes.rbegin(); process != record.processes.rend(); ++process) {
      send_signal(process->identity, signal);
    }
    const Clock::time_point until = Clock::now() + std::chrono::seconds(2);
    while (any_running() && Clock::now() < until) pause();
  }
}

void LocalProvider::down(const ClusterRecord& record, const Progress& progress) {
  Clock::time_point deadline = Clock::now();
  try {
    const std::vector<std::string> cancelled = connect_as_owner(record).shut_down();
    for (const std::string& run : cancelled) progress(message("cancelling {}", run));
    deadline += std::chrono::seconds(kDownPatience);
  } catch (const Error& error) {
    progress(message("{}; ending its processes", error.what()));
  }
  end_processes(record, deadline);
  remove_runtime_files(record);
  forget_cluster(record.name);
}

}  // namespace

std::unique_ptr<ClusterProvider> make_local_provider() { return std::make_unique<LocalProvider>(); }

}  // namespace trireme::launcher
