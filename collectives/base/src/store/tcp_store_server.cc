#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "store/frame_socket.h"
#include "store/store_service.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/store.h"
#include "trireme/base/tcp_socket.h"

namespace trireme {

namespace {

using detail::FrameSocket;
using detail::StoreService;
using Connection = StoreService::Connection;
using Clock = std::chrono::steady_clock;

// Names of the two descriptors that are no clients; clients are numbered from kFirstClient.
constexpr Connection kListener = 0;
constexpr Connection kWake = 1;
constexpr Connection kFirstClient = 2;

// A client that takes no replies may not fill our memory.
constexpr std::size_t kMaxUnsentBytes = std::size_t{4} * detail::kMaxFrameBytes;

std::chrono::milliseconds tick_of(std::chrono::milliseconds heartbeat_timeout) {
  using namespace std::chrono_literals;
  return std::clamp<std::chrono::milliseconds>(heartbeat_timeout / 8, 5ms, 250ms);
}

struct Client {
  explicit Client(UniqueFd fd) : socket(std::move(fd), detail::kMaxHelloBytes) {}
  FrameSocket socket;
  bool is_blocked = false;  // watched for room to send
};

}  // namespace

struct TcpStoreServer::State {
  explicit State(const Options& options)
      : service({.heartbeat_timeout = options.heartbeat_timeout}),
        listener(listen_tcp("store", options.host, options.port)),
        wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        poller(::epoll_create1(EPOLL_CLOEXEC)),
        tick(tick_of(options.heartbeat_timeout)) {
    TRIREME_CHECK(wake && poller, "eventfd or epoll_create1 failed with errno {}", errno);
    watch(EPOLL_CTL_ADD, listener.socket.get(), kListener, EPOLLIN);
    watch(EPOLL_CTL_ADD, wake.get(), kWake, EPOLLIN);
    loop = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  void run(const std::stop_token& stop);
  bool handle_ready(Clock::time_point deadline);
  void find_silent_ranks(Clock::time_point judged);
  void handle(const epoll_event& event);
  void accept_all();
  void receive(Connection from);
  void carry_out();
  void send(Connection to);
  void close(Connection connection);
  void watch(int operation, int fd, Connection name, std::uint32_t events) const;
  void wake_up() const noexcept;

  mutable std::mutex mutex;  // guards service
  StoreService service;
  Listener listener;
  UniqueFd wake;
  UniqueFd poller;
  std::chrono::milliseconds tick;
  // Used by the loop's thread alone.
  std::map<Connection, Client> clients;
  Connection next_connection = kFirstClient;
  bool is_accepting = true;
  std::jthread loop;
};

void TcpStoreServer::State::watch(int operation, int fd, Connection name, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = name;
  ::epoll_ctl(poller.get(), operation, fd, &event);
}

void TcpStoreServer::State::wake_up() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake.get(), &one, sizeof(one));
}

void TcpStoreServer::State::run(const std::stop_token& stop) {
  auto next_tick = Clock::now() + tick;
  while (!stop.stop_requested()) {
    handle_ready(next_tick);
    if (Clock::now() < next_tick) continue;
    // Judge by a time before the last look at the sockets: a server that was itself kept from running must not blame
    // its clients for the gap.
    const auto judged = Clock::now();
    if (!handle_ready(judged)) continue;
    find_silent_ranks(judged);
    next_tick = Clock::now() + tick;
  }
  const std::lock_guard lock(mutex);
  service.say_goodbye();
  carry_out();
}

// Waits for events until `deadline` and handles them. True when no more are pending.
bool TcpStoreServer::State::handle_ready(Clock::time_point deadline) {
  std::array<epoll_event, 64> events;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  const auto wait = static_cast<int>(std::max<decltype(left)>(left, 0));
  const int ready = ::epoll_wait(poller.get(), events.data(), static_cast<int>(events.size()), wait);
  const std::lock_guard lock(mutex);
  for (int i = 0; i < ready; ++i) handle(events[static_cast<std::size_t>(i)]);
  carry_out();
  return ready < static_cast<int>(events.size());
}

void TcpStoreServer::State::find_silent_ranks(Clock::time_point judged) {
  const std::lock_guard lock(mutex);
  service.tick(judged);
  carry_out();
  if (!is_accepting) watch(EPOLL_CTL_MOD, listener.socket.get(), kListener, EPOLLIN);
  is_accepting = true;
}

void TcpStoreServer::State::handle(const epoll_event& event) {
  const Connection name = event.data.u64;
  if (name == kListener) return accept_all();
  if (name == kWake) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(wake.get(), &count, sizeof(count));
    return;
  }
  if ((event.events & EPOLLOUT) != 0) send(name);
  if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(name);
}

void TcpStoreServer::State::accept_all() {
  int error = 0;
  while (UniqueFd socket = accept_tcp(listener.socket.get(), error)) {
    const auto connection = next_connection++;
    watch(EPOLL_CTL_ADD, socket.get(), connection, EPOLLIN);
    clients.try_emplace(connection, std::move(socket));
    service.connected(connection, Clock::now());
  }
  if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
  // Out of descriptors: the listener stays readable, so it is left alone until the next tick.
  watch(EPOLL_CTL_MOD, listener.socket.get(), kListener, 0);
  is_accepting = false;
}

void TcpStoreServer::State::receive(Connection from) {
  const auto found = clients.find(from);
  if (found == clients.end()) return;
  FrameSocket& socket = found->second.socket;
  if (!socket.receive()) return close(from);
  service.heard(from, Clock::now());
  try {
    while (const auto frame = socket.next()) {
      service.received(from, *frame);
      if (service.is_greeted(from)) socket.set_limit(detail::kMaxFrameBytes);
    }
  } catch (const DataError&) {
    close(from);
  }
}

// Sends and closes what the service decided, until that leads to nothing new (a closed rank is told to the others).
void TcpStoreServer::State::carry_out() {
  for (;;) {
    const auto replies = service.take_replies();
    const auto closing = service.take_closing();
    if (replies.empty() && closing.empty()) return;
    for (const auto& [to, frame] : replies) {
      const auto found = clients.find(to);
      if (found != clients.end()) found->second.socket.queue(frame);
    }
    for (const auto& [to, frame] : replies) send(to);
    for (const auto connection : closing) close(connection);
  }
}

void TcpStoreServer::State::send(Connection to) {
  const auto found = clients.find(to);
  if (found == clients.end()) return;
  auto& [socket, is_blocked] = found->second;
  if (!socket.flush() || socket.unsent_bytes() > kMaxUnsentBytes) return close(to);
  if (is_blocked == socket.wants_to_send()) return;
  is_blocked = socket.wants_to_send();
  watch(EPOLL_CTL_MOD, socket.fd(), to, is_blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void TcpStoreServer::State::close(Connection connection) {
  if (clients.erase(connection) > 0) service.closed(connection);
}

TcpStoreServer::TcpStoreServer(const Options& options) : state_(std::make_unique<State>(options)) {}

TcpStoreServer::~TcpStoreServer() {
  state_->loop.request_stop();
  state_->wake_up();
  state_->loop.join();
}

std::uint16_t TcpStoreServer::port() const noexcept { return state_->listener.port; }

std::vector<LostRank> TcpStoreServer::lost() const {
  const std::lock_guard lock(state_->mutex);
  return state_->service.lost();
}

void TcpStoreServer::report_lost(const LostRank& rank) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->service.report_lost(rank);
  }
  state_->wake_up();
}

}  // namespace trireme
