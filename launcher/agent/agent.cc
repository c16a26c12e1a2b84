#include "agent/agent.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include <spdlog/spdlog.h>
#include <nlohmann/json.hpp>

#include "scheduler/clock.h"
#include "trireme/base/error.h"
#include "trireme/base/version.h"
#include "trireme/v1/agent.pb.h"

namespace trireme::launcher {

namespace {

// Bytes of output, and of records, that wait for the scheduler. It takes tens of MB/s, so nothing waits long.
constexpr std::size_t kOutboxBytes = 2 << 20;
constexpr std::size_t kOverhead = 128;  // of a message
constexpr std::chrono::minutes kPatience{10};

// Only output comes in floods: what else is said must not wait for room behind it.
std::size_t cost_of(const v1::AgentMessage& message) {
  const bool is_bulk = message.has_rank_output() || message.has_rank_status();
  return is_bulk ? message.ByteSizeLong() + kOverhead : 0;
}

}  // namespace

Agent::Agent(AgentOptions options)
    : options_(std::move(options)),
      started_(seconds_since_epoch()),
      outbox_(kOutboxBytes),
      listener_(listen_unix(options_.place.socket)) {
  accepter_ = std::jthread([this] { listen(); });
}

Agent::~Agent() {
  close_all_runs();
  outbox_.close();
  ::shutdown(listener_.get(), SHUT_RDWR);
  accepter_.join();
  std::map<LineChannel*, std::jthread> connections;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    for (const auto& [channel, thread] : connections_) channel->shut_down();
    connections = std::move(connections_);
    connections_.clear();
  }
  connections.clear();
  ::unlink(options_.place.socket.c_str());
}

v1::Register Agent::hello() {
  v1::Register hello;
  hello.set_node(options_.place.node);
  hello.set_host(options_.place.host);
  hello.set_pid(getpid());
  hello.set_gpus(options_.gpus);
  hello.set_version(version());
  hello.set_started(started_);
  const std::lock_guard lock(mutex_);
  for (const auto& [run_id, run] : runs_) hello.add_runs(run_id);
  return hello;
}

int Agent::run() {
  const LinkEnd end = run_link(
      options_.scheduler, options_.access, [this] { return hello(); }, outbox_,
      [this](const v1::AgentCommand& command) { return on_command(command); }, kPatience);
  close_all_runs();
  return end == LinkEnd::kStopped ? 0 : 1;
}

bool Agent::on_command(const v1::AgentCommand& command) {
  switch (command.command_case()) {
    case v1::AgentCommand::kRegistered:
      take_up({command.registered().active_runs().begin(), command.registered().active_runs().end()});
      break;
    case v1::AgentCommand::kOpenStore:
      run_of(command.open_store().run_id())->open_store();
      break;
    case v1::AgentCommand::kStartRun:
      run_of(command.start_run().run_id())->start(command.start_run());
      break;
    case v1::AgentCommand::kSignalRun:
      run_of(command.signal_run().run_id())->signal_ranks(command.signal_run().signal());
      break;
    case v1::AgentCommand::kReleaseRun:
      run_of(command.release_run().run_id())->release();
      break;
    case v1::AgentCommand::kReportLost: {
      const v1::ReportLost& lost = command.report_lost();
      run_of(lost.run_id())->report_lost({.rank = lost.rank(), .node = lost.node(), .cause = lost.cause()});
      break;
    }
    case v1::AgentCommand::kCloseRun:
      close_run(command.close_run().run_id());
      break;
    case v1::AgentCommand::kStop:
      return false;
    default:
      break;
  }
  return true;
}

std::shared_ptr<NodeRun> Agent::run_of(const std::string& run_id) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<NodeRun>& run = runs_[run_id];
  if (!run) {
    run = std::make_shared<NodeRun>(run_id, options_.place, [this](std::shared_ptr<v1::AgentMessage> message) {
      const std::size_t cost = cost_of(*message);
      outbox_.put(std::move(message), cost);
    });
  }
  return run;
}

// On a thread of its own: what it waits for may itself wait for room in the outbox.
void Agent::close_run(const std::string& run_id) {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(run_id);
  if (found == runs_.end()) return;
  closed_.insert(run_id);
  closers_.emplace_back([run = std::move(found->second)] { run->close(); });
  runs_.erase(found);
}

void Agent::take_up(const std::set<std::string>& active) {
  std::vector<std::string> orphans;
  std::vector<std::shared_ptr<NodeRun>> kept;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [run_id, run] : runs_) {
      if (active.contains(run_id)) {
        kept.push_back(run);
      } else {
        orphans.push_back(run_id);
      }
    }
  }
  for (const std::string& run_id : orphans) close_run(run_id);
  for (const auto& run : kept) run->report_again();
}

void Agent::close_all_runs() {
  std::map<std::string, std::shared_ptr<NodeRun>> runs;
  std::vector<std::jthread> closers;
  {
    const std::lock_guard lock(mutex_);
    runs = std::move(runs_);
    runs_.clear();
    closers = std::move(closers_);
    closers_.clear();
  }
  for (const auto& [run_id, run] : runs) run->close();
}

void Agent::listen() {
  for (;;) {
    UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (!connection) return;
    if (!is_own_user(connection.get())) continue;
    auto channel = std::make_shared<LineChannel>(std::move(connection));
    const std::lock_guard lock(mutex_);
    finished_.clear();
    if (is_stopping_) return;
    connections_[channel.get()] = std::jthread([this, channel] {
      serve(*channel);
      const std::lock_guard inner(mutex_);
      const auto own = connections_.find(channel.get());
      if (own == connections_.end()) return;
      finished_.push_back(std::move(own->second));
      connections_.erase(own);
    });
  }
}

void Agent::serve(LineChannel& channel) try {
  while (const auto line = channel.receive()) serve_line(*line, channel);
} catch (const std::exception& error) {
  spdlog::warn("a connection on {} ended: {}", options_.place.socket, error.what());
}

void Agent::serve_line(const std::string& line, LineChannel& channel) {
  const nlohmann::json message = parse_line(line);
  const std::string type = message.value("type", "");
  const std::string run_id = message.value("run_id", "");
  if (type == "status") {
    auto status = std::make_shared<v1::AgentMessage>();
    status->mutable_rank_status()->add_json_lines(line);
    const std::size_t cost = cost_of(*status);
    outbox_.offer(std::move(status), cost);  // a rank is never slowed down
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (closed_.contains(run_id)) return channel.shut_down();
  }
  if (type == "shim") return run_of(run_id)->serve_shim(message.value("rank", -1), channel);
  if (type != "exec") return channel.shut_down();
  try {
    static_cast<void>(run_of(run_id)->execute(message.value("command", ""), channel.take_descriptors(), channel));
  } catch (const Error& error) {
    channel.send({{"type", "exited"}, {"error", error.what()}});
  }
}

}  // namespace trireme::launcher
