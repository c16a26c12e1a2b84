#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>

#include "trireme/base/status_record.h"
#include "trireme/base/unique_fd.h"

namespace trireme {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kRetryEvery{1};

// An empty descriptor when nobody listens, or too many wait to be accepted.
UniqueFd connect_unix(const std::string& path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return {};
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return {};
  return socket;
}

}  // namespace

struct StatusReporter::State {
  explicit State(std::string socket_path) : path(std::move(socket_path)) {}

  // All under the mutex.
  void connect_if_due();
  void send_rest();
  void drop() noexcept { ++dropped; }

  const std::string path;
  mutable std::mutex mutex;  // guards what follows; held only over calls that do not block
  UniqueFd socket;
  Clock::time_point next_attempt{};
  std::string rest;  // of a line the socket took only a part of: the next line must not begin in its middle
  std::uint64_t dropped = 0;
};

void StatusReporter::State::connect_if_due() {
  const auto now = Clock::now();
  if (socket || now < next_attempt) return;
  next_attempt = now + kRetryEvery;
  rest.clear();
  socket = connect_unix(path);
}

void StatusReporter::State::send_rest() {
  const auto sent = ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) {
    rest.erase(0, static_cast<std::size_t>(sent));
  } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    socket.reset();
    rest.clear();
  }
}

StatusReporter::StatusReporter(const std::optional<std::string>& socket_path)
    : state_(std::make_unique<State>(socket_path.value_or(""))) {
  state_->connect_if_due();
}

StatusReporter::~StatusReporter() = default;

void StatusReporter::report(const StatusRecord& record) noexcept {
  const std::lock_guard lock(state_->mutex);
  try {
    state_->connect_if_due();
    if (state_->socket && !state_->rest.empty()) state_->send_rest();
    if (!state_->socket || !state_->rest.empty()) return state_->drop();
    state_->rest = to_json_line(record) + '\n';
    const auto bytes = state_->rest.size();
    state_->send_rest();
    if (!state_->socket) return state_->drop();
    if (state_->rest.size() < bytes) return;
    // Nothing of it was taken: forget it, so that the reader finds newer records when it comes back.
    state_->rest.clear();
    state_->drop();
  } catch (...) {
    state_->drop();
  }
}

std::uint64_t StatusReporter::dropped() const noexcept {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

bool StatusReporter::is_connected() const noexcept {
  const std::lock_guard lock(state_->mutex);
  return static_cast<bool>(state_->socket);
}

}  // namespace trireme
