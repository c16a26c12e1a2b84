#include "agent/node_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>

#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "agent/child_process.h"
#include "agent/free_port.h"
#include "agent/network_variables.h"
#include "agent/rank_variables.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/v1/agent.pb.h"

namespace trireme::launcher {

namespace {

using Variables = std::map<std::string, std::string>;

constexpr std::chrono::seconds kOrderTimeout{30};  // mpirun may reach this node before the scheduler does

Variables users_variables(const v1::StartRun& order) {
  return {order.spec().environment().begin(), order.spec().environment().end()};
}

std::shared_ptr<v1::AgentMessage> make_message() { return std::make_shared<v1::AgentMessage>(); }

// What mpirun said first, which is the cause; its banners say what may follow from it.
std::string first_words_of(const std::filesystem::path& log) {
  std::ifstream stream(log);
  for (std::string line; std::getline(stream, line);) {
    if (line.find_first_not_of("-= ") != std::string::npos) return message("{} (all of it in {})", line, log.string());
  }
  return message("see {}", log.string());
}

}  // namespace

NodeRun::NodeRun(std::string run_id, const NodePlace& place, Report report)
    : run_id_(std::move(run_id)),
      place_(place),
      report_(std::move(report)),
      folder_(place.folder / run_id_),
      shared_memory_folder_(std::filesystem::path("/dev/shm") /
                            (place.folder.parent_path().filename().string() + "-" + place.node + "-" + run_id_)) {
  std::filesystem::create_directories(folder_);
  std::filesystem::create_directories(shared_memory_folder_);
}

NodeRun::~NodeRun() { close(); }

void NodeRun::open_store() {
  std::unique_lock lock(mutex_);
  if (store_report_) {
    const auto again = store_report_;
    lock.unlock();
    return report_(again);
  }
  auto answer = make_message();
  v1::StoreOpened& opened = *answer->mutable_store_opened();
  opened.set_run_id(run_id_);
  try {
    store_ = std::make_unique<TcpStoreServer>(TcpStoreServer::Options{.host = place_.host});
    opened.set_store_port(store_->port());
    opened.set_master_port(free_port(place_.host));
  } catch (const Error& error) {
    opened.set_error(error.what());
  }
  store_report_ = answer;
  lock.unlock();
  report_(std::move(answer));
}

void NodeRun::report_again() {
  std::vector<std::shared_ptr<v1::AgentMessage>> reports;
  {
    const std::lock_guard lock(mutex_);
    if (store_report_) reports.push_back(store_report_);
    for (const auto& [rank, life] : rank_reports_) reports.insert(reports.end(), life.begin(), life.end());
    if (mpirun_report_) reports.push_back(mpirun_report_);
  }
  for (auto& report : reports) report_(std::move(report));
}

void NodeRun::start(const v1::StartRun& order) {
  {
    const std::lock_guard lock(mutex_);
    if (order_ != nullptr) return;
    // Anew for every run: a virtual function may have come or gone since the last.
    machine_ = topology::inspect_machine({.use_hwloc = false});
    order_ = std::make_unique<v1::StartRun>(order);
    started_.notify_all();
  }
  const auto choice = topology::choose_interface(machine_, order.master_host());
  spdlog::info("run={} interface={} reason=\"{}\"", run_id_, choice.name, choice.reason);
  try {
    if (!order.starter().empty()) start_mpirun(order);
    if (order.start_ranks()) start_shims(order);
  } catch (const Error& error) {
    auto failed = make_message();
    failed->mutable_start_failed()->set_run_id(run_id_);
    failed->mutable_start_failed()->set_error(error.what());
    report_(std::move(failed));
  }
}

// For mpirun, its daemons and the shims. The user's variables reach only the program itself.
std::vector<std::string> NodeRun::process_environment() const {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const std::string name = text.substr(0, text.find('='));
    if (!is_launch_variable(name) && name != "TRIREME_NODE") variables[name] = text.substr(name.size() + 1);
  }
  variables["TRIREME_STATUS_SOCKET"] = place_.socket;
  variables["TRIREME_NODE_SOCKETS"] = place_.sockets;
  variables["TRIREME_RUN_ID"] = run_id_;
  variables["TMPDIR"] = folder_.string();
  variables["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
  variables["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + '=' + value);
  return entries;
}

void NodeRun::start_mpirun(const v1::StartRun& order) {
  const std::filesystem::path log = std::filesystem::path(order.run_folder()) / "mpirun.log";
  const UniqueFd output(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  // mpirun has a temporary folder apart from the daemon's on the same node.
  std::vector<std::string> environment = process_environment();
  const std::filesystem::path folder = folder_ / "mpirun";
  std::filesystem::create_directories(folder);
  std::erase_if(environment, [](const std::string& entry) { return entry.starts_with("TMPDIR="); });
  environment.push_back("TMPDIR=" + folder.string());
  const topology::RankOnNode first{.local_size = order.local_size(),
                                   .spans_nodes = order.world_size() > order.local_size(),
                                   .peer = order.master_host()};
  for (const auto& [name, value] : mpirun_variables(machine_, first, users_variables(order))) {
    environment.push_back(name + '=' + value);
  }
  const pid_t mpirun = spawn({.command = {order.starter().begin(), order.starter().end()},
                              .environment = std::move(environment),
                              .working_directory = order.run_folder(),
                              .standard_output = output.get(),
                              .standard_error = output.get(),
                              .new_group = true});
  const std::lock_guard lock(mutex_);
  groups_.insert(mpirun);
  waiters_.emplace_back([this, mpirun, log] {
    const ExitStatus status = wait_for(mpirun);
    auto exited = make_message();
    exited->mutable_starter_exited()->set_run_id(run_id_);
    exited->mutable_starter_exited()->set_code(status.code);
    if (status.code != 0) exited->mutable_starter_exited()->set_output_tail(first_words_of(log));
    {
      const std::lock_guard inner(mutex_);
      groups_.erase(mpirun);
      mpirun_report_ = exited;
    }
    report_(std::move(exited));
  });
}

void NodeRun::start_shims(const v1::StartRun& order) {
  for (int index = 0; index < order.local_size(); ++index) {
    const int rank = order.first_rank() + index;
    const pid_t shim = spawn({.command = {place_.launcher, "rank", "--run", run_id_, "--rank", std::to_string(rank)},
                              .environment = process_environment(),
                              .new_group = true});
    const std::lock_guard lock(mutex_);
    groups_.insert(shim);
    waiters_.emplace_back([this, shim] {
      static_cast<void>(wait_for(shim));
      const std::lock_guard inner(mutex_);
      groups_.erase(shim);
    });
  }
}

std::optional<nlohmann::json> NodeRun::wait_for_order(int rank) {
  std::unique_lock lock(mutex_);
  started_.wait_for(lock, kOrderTimeout, [&] { return order_ != nullptr || is_closed_; });
  if (order_ == nullptr || is_closed_ || is_terminated_) return std::nullopt;
  const v1::StartRun& order = *order_;
  const int local_rank = rank - order.first_rank();
  if (local_rank < 0 || local_rank >= order.local_size()) return std::nullopt;
  const v1::RunSpec& spec = order.spec();
  Variables environment = users_variables(order);
  // Nodes on loopback share one kernel, whose ranks a user may join to one node.
  const auto node = environment.find("TRIREME_NODE");
  const bool is_joined = node != environment.end() && node->second == "host" && place_.host.starts_with("127.");
  const int local_size = is_joined ? order.world_size() : order.local_size();
  const RankPlace place{.run_id = run_id_,
                        .run_folder = order.run_folder(),
                        .node = place_.node,
                        .agent_socket = place_.socket,
                        .store = order.store(),
                        .master_host = order.master_host(),
                        .master_port = static_cast<int>(order.master_port()),
                        .rank = rank,
                        .world_size = order.world_size(),
                        .local_rank = is_joined ? rank : local_rank,
                        .local_size = local_size,
                        .node_rank = is_joined ? 0 : order.node_rank(),
                        .node_count = std::max(1, order.world_size() / std::max(1, local_size)),
                        .shared_memory_folder = shared_memory_folder_.string(),
                        .temporary_folder = folder_.string()};
  const topology::RankOnNode on_node{.local_rank = place.local_rank,
                                     .local_size = local_size,
                                     .spans_nodes = order.world_size() > local_size,
                                     .peer = order.master_host()};
  environment.merge(network_variables(machine_, on_node, environment, !order.start_ranks()));
  for (const auto& [name, value] : rank_variables(place, environment, !order.start_ranks())) environment[name] = value;
  return nlohmann::json{{"type", "start"},
                        {"command", std::vector<std::string>(spec.command().begin(), spec.command().end())},
                        {"environment", environment},
                        {"working_directory", spec.working_directory()}};
}

void NodeRun::serve_shim(int rank, LineChannel& channel) {
  const std::optional<nlohmann::json> order = wait_for_order(rank);
  channel.send(order ? *order : nlohmann::json{{"type", "refuse"}});
  if (!order) return;
  {
    const std::lock_guard lock(mutex_);
    shims_[rank] = {&channel, 0};
  }
  Progress progress;
  while (const auto line = channel.receive()) on_shim_line(rank, parse_line(*line), progress);
  pid_t orphan = 0;
  {
    const std::lock_guard lock(mutex_);
    orphan = shims_[rank].program;
    shims_.erase(rank);
  }
  if (progress.has_exited) return;
  if (orphan != 0) kill(-orphan, SIGKILL);
  report_exit(rank, 128 + SIGKILL, SIGKILL, "");
}

void NodeRun::on_shim_line(int rank, const nlohmann::json& line, Progress& progress) {
  const std::string type = line.value("type", "");
  if (type == "started") {
    bool is_late = false;
    {
      const std::lock_guard lock(mutex_);
      shims_[rank].program = line.value("pid", 0);
      is_late = is_terminated_;
    }
    if (is_late) kill(-line.value("pid", 0), SIGTERM);
    auto started = make_message();
    started->mutable_rank_started()->set_run_id(run_id_);
    started->mutable_rank_started()->set_rank(rank);
    started->mutable_rank_started()->set_pid(line.value("pid", 0));
    report_life(rank, std::move(started));
  } else if (type == "output") {
    auto output = make_message();
    v1::RankOutput& lines = *output->mutable_rank_output();
    lines.set_run_id(run_id_);
    lines.set_rank(rank);
    lines.set_is_error(line.value("error", false));
    std::uint64_t& written = progress.lines[lines.is_error() ? 1 : 0];
    lines.set_first_line(written);
    for (const auto& text : line.at("lines")) lines.add_lines(text.get<std::string>());
    written += static_cast<std::uint64_t>(lines.lines_size());
    report_(std::move(output));
  } else if (type == "exit") {
    progress.has_exited = true;
    {
      const std::lock_guard lock(mutex_);
      shims_[rank].program = 0;
    }
    report_exit(rank, line.value("code", 1), line.value("signal", 0), line.value("error", ""));
  }
}

void NodeRun::report_exit(int rank, int code, int signal, const std::string& error) {
  auto message = make_message();
  v1::RankExited& exited = *message->mutable_rank_exited();
  exited.set_run_id(run_id_);
  exited.set_rank(rank);
  exited.set_code(code);
  exited.set_signal(signal);
  exited.set_error(error);
  report_life(rank, std::move(message));
}

void NodeRun::report_life(int rank, std::shared_ptr<v1::AgentMessage> message) {
  {
    const std::lock_guard lock(mutex_);
    rank_reports_[rank].push_back(message);
  }
  report_(std::move(message));
}

int NodeRun::execute(const std::string& command, const std::vector<UniqueFd>& streams, LineChannel& channel) {
  pid_t child = 0;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_ || streams.size() != 3) return 1;
    child = spawn({.command = {"/bin/sh", "-c", command},
                   .environment = process_environment(),
                   .working_directory = folder_.string(),
                   .standard_input = streams[0].get(),
                   .standard_output = streams[1].get(),
                   .standard_error = streams[2].get(),
                   .new_group = true});
    groups_.insert(child);
  }
  // mpirun's end closes the connection; its daemon must not outlive it.
  std::atomic<bool> has_ended = false;
  const std::jthread watcher([&] {
    while (channel.receive()) {
    }
    if (!has_ended) kill(-child, SIGTERM);
  });
  const ExitStatus status = wait_for(child);
  has_ended = true;
  {
    const std::lock_guard lock(mutex_);
    groups_.erase(child);
  }
  channel.send({{"type", "exited"}, {"code", status.code}});
  channel.shut_down();
  return status.code;
}

void NodeRun::kill_groups(const std::set<pid_t>& groups, int signal) const {
  for (pid_t group : groups) kill(-group, signal);
}

void NodeRun::signal_ranks(int signal) {
  const std::lock_guard lock(mutex_);
  is_terminated_ = true;
  started_.notify_all();
  bool is_starting = order_ == nullptr || static_cast<int>(shims_.size()) < order_->local_size();
  for (const auto& [rank, shim] : shims_) {
    if (shim.program != 0) kill(-shim.program, signal);
  }
  // mpirun, its daemons and shims without a program leave on SIGTERM.
  if (is_starting || signal == SIGKILL) kill_groups(groups_, SIGTERM);
}

void NodeRun::release() {
  const std::lock_guard lock(mutex_);
  for (const auto& [rank, shim] : shims_) shim.channel->send({{"type", "release"}});
}

void NodeRun::report_lost(const LostRank& rank) {
  const std::lock_guard lock(mutex_);
  if (store_) store_->report_lost(rank);
}

void NodeRun::close() {
  std::vector<std::jthread> waiters;
  std::unique_ptr<TcpStoreServer> store;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return;
    is_closed_ = true;
    started_.notify_all();
    for (const auto& [rank, shim] : shims_) {
      if (shim.program != 0) kill(-shim.program, SIGKILL);
      shim.channel->shut_down();
    }
    kill_groups(groups_, SIGKILL);
    waiters = std::move(waiters_);
    store = std::move(store_);
  }
  waiters.clear();
  remove_files();
}

void NodeRun::remove_files() const {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  std::filesystem::remove_all(shared_memory_folder_, ignored);
}

}  // namespace trireme::launcher
