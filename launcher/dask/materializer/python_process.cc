#include "dask/materializer/python_process.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "agent/child_process.h"
#include "dask/materializer/materializer_source.h"
#include "trireme/base/error.h"
#include "trireme/base/unique_fd.h"

namespace trireme::launcher::dask {

namespace {

namespace asio = boost::asio;

constexpr std::uint64_t kMostBytes = 64ull << 30;  // of a response
constexpr std::size_t kLongestLine = 4096;         // of standard error

// Reads the source from its standard input, so that it is in no argument and no file.
constexpr const char* kBootstrap =
    "import json, sys; exec(compile(sys.stdin.buffer.read(int(sys.argv[1])), 'materializer.py', 'exec')); "
    "serve(json.loads(sys.argv[2]))";

// Makes `socket` one end of a pair of sockets and returns the other.
UniqueFd connect_pair(asio::local::stream_protocol::socket& socket) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error(fmt::format("cannot make a pair of sockets: {}", std::strerror(errno)));
  }
  socket.assign(asio::local::stream_protocol(), ends[0]);
  return UniqueFd(ends[1]);
}

std::string settings_text(const PythonSettings& settings) {
  nlohmann::json text = {{"folder", settings.folder}, {"memory_limit", settings.memory_limit}, {"user", nullptr}};
  if (settings.user) text.update({{"user", settings.user->user}, {"group", settings.user->group}});
  return text.dump();
}

std::string how_it_ended(const ExitStatus& status) {
  if (status.signal == 0) return fmt::format("ended by itself with exit code {}", status.code);
  const std::string signal = fmt::format("was killed by signal {} ({})", status.signal, ::strsignal(status.signal));
  return status.signal == SIGKILL ? signal + ", as the kernel does where memory runs out" : signal;
}

}  // namespace

PythonProcess::PythonProcess(asio::io_context& context, Events events)
    : socket_(context), errors_(context), exit_(context), events_(std::move(events)) {}

PythonProcess::~PythonProcess() {
  kill();
  reap();
}

std::shared_ptr<PythonProcess> PythonProcess::start(asio::io_context& context, const PythonSettings& settings,
                                                    Events events) {
  std::shared_ptr<PythonProcess> process(new PythonProcess(context, std::move(events)));
  process->spawn(settings);
  process->write(Bytes(std::string(materializer_source())), false);
  process->read_length();
  process->read_errors();
  process->await_exit();
  return process;
}

void PythonProcess::spawn(const PythonSettings& settings) {
  const UniqueFd requests = connect_pair(socket_);
  const UniqueFd errors = connect_pair(errors_);
  pid_ = launcher::spawn({.command = {settings.python, "-c", kBootstrap, std::to_string(materializer_source().size()),
                                      settings_text(settings)},
                          .working_directory = settings.folder,
                          .standard_input = requests.get(),
                          .standard_output = requests.get(),
                          .standard_error = errors.get(),
                          .new_group = true,
                          .death_signal = SIGKILL});
  exit_.assign(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

void PythonProcess::send(Bytes request) { write(std::move(request), true); }

// A failure to write is no event of its own: the process has ended, or is about to.
void PythonProcess::write(Bytes bytes, bool with_length) {
  auto length = std::make_shared<const std::uint64_t>(bytes.size());
  const std::array buffers{asio::buffer(length.get(), with_length ? sizeof *length : 0),
                           asio::buffer(bytes.view().data(), bytes.size())};
  asio::async_write(socket_, buffers, [self = shared_from_this(), length, bytes](const ErrorCode&, std::size_t) {});
}

void PythonProcess::read_length() {
  asio::async_read(socket_, asio::buffer(&length_, sizeof length_),
                   [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                     self->output_over_ = error || self->length_ > kMostBytes;
                     if (self->output_over_) return self->end_if_over();
                     self->read_body();
                   });
}

// What was announced is address space until it comes.
void PythonProcess::read_body() {
  const std::shared_ptr<char[]> body(new (std::nothrow) char[length_]);
  const auto end = [](PythonProcess& self) {
    self.output_over_ = true;
    self.end_if_over();
  };
  if (!body) return end(*this);
  asio::async_read(socket_, asio::buffer(body.get(), length_),
                   [self = shared_from_this(), body, end](const ErrorCode& error, std::size_t size) {
                     if (error) return end(*self);
                     if (self->events_.message) self->events_.message(Bytes({body, body.get()}, size));
                     self->read_length();
                   });
}

void PythonProcess::read_errors() {
  errors_.async_read_some(error_text_.prepare(kLongestLine),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t count) {
                            self->error_text_.commit(count);
                            self->log_lines(error || self->error_text_.size() >= kLongestLine);
                            if (!error) return self->read_errors();
                            self->errors_over_ = true;
                            self->end_if_over();
                          });
}

// Logs complete lines, or everything.
void PythonProcess::log_lines(bool all) {
  for (;;) {
    const auto data = error_text_.data();
    const std::string_view text(static_cast<const char*>(data.data()), data.size());
    const std::size_t end = text.find('\n');
    if (text.empty() || (end == std::string_view::npos && !all)) return;
    last_line_ = std::string(text.substr(0, end));
    spdlog::info("event=dask_python_says pid={} text=\"{}\"", pid_, last_line_);
    error_text_.consume(std::min(end, text.size() - 1) + 1);
  }
}

void PythonProcess::await_exit() {
  exit_.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    if (!error) self->bury();
  });
}

// What it wrote can be read still; then both sockets end, even where a child of it lives on and has them open.
void PythonProcess::bury() {
  ErrorCode ignored;
  kill();
  reap();
  socket_.shutdown(asio::socket_base::shutdown_receive, ignored);
  errors_.shutdown(asio::socket_base::shutdown_receive, ignored);
  end_if_over();
}

void PythonProcess::kill() noexcept {
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

void PythonProcess::reap() noexcept {
  if (pid_ > 0) how_ = how_it_ended(wait_for(pid_));
  pid_ = -1;
}

// It is over when the process is gone and everything that it wrote was read.
void PythonProcess::end_if_over() {
  if (!output_over_ || !errors_over_ || how_.empty() || !events_.end) return;
  const Events events = std::exchange(events_, {});
  events.end(last_line_.empty() ? how_ : fmt::format("{}; its last words: {}", how_, last_line_));
}

void PythonProcess::abandon() noexcept {
  events_ = {};
  kill();
}

}  // namespace trireme::launcher::dask
