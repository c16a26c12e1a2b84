#include "agent/shim.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>

#include <nlohmann/json.hpp>

#include "agent/child_process.h"
#include "agent/line_channel.h"
#include "agent/line_splitter.h"
#include "agent/rank_variables.h"
#include "trireme/base/error.h"

namespace trireme::launcher {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStay{10};
constexpr std::chrono::seconds kDrain{2};  // for output that a child of the program still holds open
constexpr int kCannotStart = 127;

UniqueFd watch_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC));
}

int next_signal(int signals) {
  signalfd_siginfo info{};
  return read(signals, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info)) ? static_cast<int>(info.ssi_signo)
                                                                                  : 0;
}

// One of the program's two output streams.
struct Stream {
  UniqueFd pipe;
  bool is_error = false;
  LineSplitter lines = {};
};

class Shim {
 public:
  Shim(const ShimOptions& options, LineChannel& channel, int signals)
      : options_(options), channel_(channel), signals_(signals) {}

  int run() {
    channel_.send({{"type", "shim"}, {"run_id", options_.run_id}, {"rank", options_.rank}, {"pid", getpid()}});
    const std::optional<std::string> line = channel_.receive();
    if (!line) return kCannotStart;
    const nlohmann::json order = parse_line(*line);
    if (order.value("type", "") != "start") return kCannotStart;
    try {
      start(order);
    } catch (const Error& error) {
      channel_.send({{"type", "exit"}, {"code", kCannotStart}, {"signal", 0}, {"error", error.what()}});
      stay();
      return kCannotStart;
    }
    return supervise();
  }

 private:
  void start(const nlohmann::json& order) {
    Pipe output = make_pipe();
    Pipe errors = make_pipe();
    program_ = spawn({.command = order.at("command").get<std::vector<std::string>>(),
                      .environment = program_environment(order.at("environment")),
                      .working_directory = order.at("working_directory").get<std::string>(),
                      .standard_output = output.write.get(),
                      .standard_error = errors.write.get(),
                      .new_group = true,
                      .death_signal = SIGKILL});
    process_.reset(static_cast<int>(syscall(SYS_pidfd_open, program_, 0)));
    streams_[0] = {std::move(output.read), false};
    streams_[1] = {std::move(errors.read), true};
    channel_.send({{"type", "started"}, {"pid", program_}});
  }

  int supervise() {
    bool is_running = true;
    ExitStatus status;
    Clock::time_point drained_by = Clock::time_point::max();
    while (is_running || (streams_are_open() && Clock::now() < drained_by)) {
      std::array<pollfd, 5> watched = {pollfd{streams_[0].pipe.get(), POLLIN, 0},
                                       {streams_[1].pipe.get(), POLLIN, 0},
                                       {is_running ? process_.get() : -1, POLLIN, 0},
                                       {signals_, POLLIN, 0},
                                       {channel_.descriptor(), POLLIN, 0}};
      poll(watched.data(), watched.size(), is_running ? -1 : 100);
      for (std::size_t index = 0; index < 2; ++index) {
        if (watched[index].revents != 0) pump(streams_[index]);
      }
      if (watched[3].revents != 0) kill(-program_, next_signal(signals_));
      if (watched[4].revents != 0 && !channel_.fill()) kill(-program_, SIGKILL);
      if (is_running && watched[2].revents != 0) {
        status = wait_for(program_);
        is_running = false;
        drained_by = Clock::now() + kDrain;
      }
    }
    for (Stream& stream : streams_) send_lines(stream, stream.lines.rest());
    channel_.send({{"type", "exit"}, {"code", status.code}, {"signal", status.signal}});
    if (status.code != 0) stay();
    return status.code;
  }

  [[nodiscard]] bool streams_are_open() const { return bool(streams_[0].pipe) || bool(streams_[1].pipe); }

  void pump(Stream& stream) {
    std::array<char, 65536> bytes;
    const ssize_t count = read(stream.pipe.get(), bytes.data(), bytes.size());
    if (count <= 0) return stream.pipe.reset();
    send_lines(stream, stream.lines.add({bytes.data(), static_cast<std::size_t>(count)}));
  }

  void send_lines(const Stream& stream, const std::vector<std::string>& lines) {
    if (!lines.empty()) channel_.send({{"type", "output"}, {"error", stream.is_error}, {"lines", lines}});
  }

  // Until released, asked to end, or the time is up.
  void stay() {
    const Clock::time_point until = Clock::now() + kStay;
    for (;;) {
      while (const auto line = channel_.take_buffered()) {
        if (parse_line(*line).value("type", "") == "release") return;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      std::array<pollfd, 2> watched = {pollfd{signals_, POLLIN, 0}, {channel_.descriptor(), POLLIN, 0}};
      if (left <= 0 || poll(watched.data(), watched.size(), static_cast<int>(left)) <= 0) return;
      if (watched[0].revents != 0 || !channel_.fill()) return;
    }
  }

  const ShimOptions& options_;
  LineChannel& channel_;
  const int signals_;
  pid_t program_ = 0;
  UniqueFd process_;
  std::array<Stream, 2> streams_;
};

}  // namespace

int run_shim(const ShimOptions& options) {
  const UniqueFd signals = watch_signals();
  LineChannel channel(connect_unix(options.agent_socket));
  return Shim(options, channel, signals.get()).run();
}

}  // namespace trireme::launcher
