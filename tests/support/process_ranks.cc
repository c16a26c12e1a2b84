#include "support/process_ranks.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace trireme::test {

namespace {

constexpr int kExceptionExit = 70;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  return {.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::unique_ptr<TcpStore> ProcessRank::connect() const {
  return std::make_unique<TcpStore>(TcpStore::Options{.port = store_port_, .rank = rank_, .node = "node"});
}

void ProcessRank::report(std::string_view line) const { write_all(report_fd_, std::string(line) + '\n'); }

// The server starts after the last fork, so that no child inherits a thread's lock or the listening socket.
ProcessRanks::ProcessRanks(const Options& options, const Body& body)
    : options_(options), deadline_(std::chrono::steady_clock::now() + options.deadline) {
  for (int rank = 0; rank < options.size; ++rank) start_child(rank, body);
  server_ = std::make_unique<TcpStoreServer>(TcpStoreServer::Options{.heartbeat_timeout = options.heartbeat_timeout});
  const auto port = server_->port();
  for (auto& child : children_) {
    write_all(child.start.get(), {reinterpret_cast<const char*>(&port), sizeof(port)});
    child.start.reset();
  }
}

ProcessRanks::~ProcessRanks() {
  for (auto& child : children_) {
    if (!child.is_running) continue;
    ::kill(child.pid, SIGKILL);
    reap(child);
  }
}

void ProcessRanks::start_child(int rank, const Body& body) {
  Pipe reports = make_pipe();
  Pipe start = make_pipe();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) {
    start.writer.reset();
    run_child(rank, start.reader.get(), reports.writer.get(), body);
  }
  Child& child = children_.emplace_back();
  child.pid = pid;
  child.reports = std::move(reports.reader);
  child.start = std::move(start.writer);
}

// Ends with _exit: the test program's own destructors and exit handlers are the parent's business.
void ProcessRanks::run_child(int rank, int start_fd, int report_fd, const Body& body) const {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::uint16_t port = 0;
  if (::read(start_fd, &port, sizeof(port)) != sizeof(port)) ::_exit(kExceptionExit);
  const ProcessRank me(rank, options_.size, port, report_fd);
  try {
    ::_exit(body(me));
  } catch (const std::exception& error) {
    me.report(std::string("exception: ") + error.what());
  }
  ::_exit(kExceptionExit);
}

pid_t ProcessRanks::pid(int rank) const { return children_.at(static_cast<std::size_t>(rank)).pid; }

void ProcessRanks::signal(int rank, int number) const { ::kill(pid(rank), number); }

bool ProcessRanks::wait_for_report(int rank, std::string_view text) {
  const Child& child = children_.at(static_cast<std::size_t>(rank));
  while (child.result.report.find(text) == std::string::npos) {
    if (!child.is_running || !read_reports()) return false;
  }
  return true;
}

std::vector<RankResult> ProcessRanks::wait() {
  const auto is_running = [](const Child& child) { return child.is_running; };
  while (std::ranges::any_of(children_, is_running) && read_reports()) {
  }
  std::vector<RankResult> results;
  for (auto& child : children_) {
    child.result.is_overdue = child.is_running;
    if (child.is_running) ::kill(child.pid, SIGKILL);
    if (child.is_running) reap(child);
    results.push_back(child.result);
  }
  return results;
}

bool ProcessRanks::read_reports() {
  std::vector<pollfd> entries;
  for (const auto& child : children_) {
    entries.push_back({.fd = child.is_running ? child.reports.get() : -1, .events = POLLIN, .revents = 0});
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
  const int ready = left <= 0 ? 0 : ::poll(entries.data(), entries.size(), static_cast<int>(left));
  for (std::size_t i = 0; ready > 0 && i < entries.size(); ++i) {
    if (entries[i].revents == 0) continue;
    std::array<char, 4096> bytes;
    const auto count = ::read(entries[i].fd, bytes.data(), bytes.size());
    if (count > 0) children_[i].result.report.append(bytes.data(), static_cast<std::size_t>(count));
    if (count <= 0) reap(children_[i]);
  }
  return ready != 0;
}

// The pipe's end is the child's end: no other process holds its writing side.
void ProcessRanks::reap(Child& child) const {
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  child.is_running = false;
  if (WIFEXITED(status)) child.result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) child.result.signal = WTERMSIG(status);
}

}  // namespace trireme::test
