#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "store/deadline.h"
#include "store/store_link.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/store.h"
#include "trireme/base/tcp_socket.h"

namespace trireme {

namespace {

using namespace std::chrono_literals;
using detail::FrameSocket;
using detail::FrameType;
using detail::StoreFrame;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kHeartbeatEvery = 500ms;
constexpr int kSilentTimeouts = 5;  // of the server, before it counts as gone
constexpr std::chrono::milliseconds kGoodbyeTime = 1000ms;
constexpr auto kNoTimeout = std::chrono::milliseconds::max();

bool is_same(const LostRank& a, const LostRank& b) { return a.rank == b.rank && (a.rank >= 0 || a.node == b.node); }

// A caller that waits for the reply to its request. Lives on the caller's stack.
struct Call {
  std::condition_variable changed;
  std::optional<StoreFrame> reply;
};

}  // namespace

struct TcpStore::State {
  explicit State(const Options& options)
      : rank(options.rank),
        peer(message("{}:{}", options.host, options.port)),
        link(detail::open_store_link(options)),
        heartbeat_every(std::clamp<std::chrono::milliseconds>(link.heartbeat_timeout / 4, 1ms, kHeartbeatEvery)),
        wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    TRIREME_CHECK(wake, "eventfd failed with errno {}", errno);
    loop = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  // Callers' side.
  std::optional<StoreFrame> request(StoreFrame frame, std::chrono::milliseconds timeout);
  StoreFrame request(StoreFrame frame) { return *request(std::move(frame), kNoTimeout); }
  void queue(const StoreFrame& frame);

  // The loop's side.
  enum class Waited { kReadable, kNothing };
  void run(const std::stop_token& stop);
  bool exchange();
  void send_heartbeat(Clock::time_point now);
  Waited wait_for_something(Clock::time_point deadline);
  void take_frames();
  void take(StoreFrame frame);
  void finish_call(StoreFrame reply);
  void add_lost(const LostRank& news);
  void remove_lost(int found);
  void fail(const std::string& why);
  void say_goodbye();
  void wake_up() const noexcept;

  const int rank;
  const std::string peer;
  detail::StoreLink link;  // receiving half: the loop; sending half: guarded by mutex
  const std::chrono::milliseconds heartbeat_every;
  UniqueFd wake;
  Clock::time_point last_heard = Clock::now();      // the loop's
  Clock::time_point next_heartbeat = Clock::now();  // the loop's

  mutable std::mutex mutex;  // guards what follows, and the sending half of link.socket
  std::uint64_t next_id = 1;
  std::map<std::uint64_t, Call*> calls;
  std::vector<LostRank> lost;
  bool server_left = false;            // it said goodbye
  std::optional<std::string> failure;  // why no call can succeed any more

  std::atomic<std::uint64_t> lost_generation{0};
  std::jthread loop;
};

// nullopt at the timeout.
std::optional<StoreFrame> TcpStore::State::request(StoreFrame frame, std::chrono::milliseconds timeout) {
  Call call;
  std::unique_lock lock(mutex);
  if (failure) throw CommError(*failure);
  const auto id = frame.id = next_id++;
  calls.emplace(id, &call);
  queue(frame);
  call.changed.wait_until(lock, detail::deadline_after(timeout), [&] { return call.reply || failure; });
  calls.erase(id);
  if (!call.reply && failure) throw CommError(*failure);
  if (!call.reply) queue({.type = FrameType::kCancel, .id = id});
  if (call.reply && call.reply->type == FrameType::kRefused) throw MismatchError(call.reply->value);
  return std::move(call.reply);
}

// Under the mutex. A broken connection is found and told by the loop.
void TcpStore::State::queue(const StoreFrame& frame) {
  link.socket.queue(frame);
  if (!link.socket.flush() || link.socket.wants_to_send()) wake_up();
}

void TcpStore::State::run(const std::stop_token& stop) {
  try {
    while (!stop.stop_requested() && exchange()) {
    }
    if (stop.stop_requested()) say_goodbye();
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

// One round: heartbeat, wait, receive. False when the connection is over.
bool TcpStore::State::exchange() {
  take_frames();
  const auto begin = Clock::now();
  send_heartbeat(begin);
  const Waited waited = wait_for_something(next_heartbeat);
  if (waited == Waited::kReadable && !link.socket.receive()) {
    fail(link.socket.error());
    return false;
  }
  if (waited == Waited::kReadable) last_heard = Clock::now();
  const auto patience = kSilentTimeouts * link.heartbeat_timeout;
  // `begin` is a time before the last look at the socket: a client that was itself stopped must not blame the server.
  if (begin - last_heard <= patience) return true;
  fail(message("it answered no heartbeat for {} ms", patience.count()));
  return false;
}

void TcpStore::State::send_heartbeat(Clock::time_point now) {
  if (now < next_heartbeat) return;
  next_heartbeat = now + heartbeat_every;
  const std::lock_guard lock(mutex);
  // Bytes that still wait to be sent are as good a sign of life.
  if (!link.socket.wants_to_send()) queue({.type = FrameType::kHeartbeat});
}

TcpStore::State::Waited TcpStore::State::wait_for_something(Clock::time_point deadline) {
  short events = POLLIN;
  {
    const std::lock_guard lock(mutex);
    if (!link.socket.flush()) return Waited::kReadable;  // receive() finds out why
    if (link.socket.wants_to_send()) events |= POLLOUT;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  std::array<pollfd, 2> entries{
      {{.fd = link.socket.fd(), .events = events, .revents = 0}, {.fd = wake.get(), .events = POLLIN, .revents = 0}}};
  ::poll(entries.data(), entries.size(), static_cast<int>(std::max(left, 0ms).count()));
  std::uint64_t count = 0;
  if (entries[1].revents != 0) [[maybe_unused]]
    const auto taken = ::read(wake.get(), &count, sizeof(count));
  return (entries[0].revents & ~POLLOUT) != 0 ? Waited::kReadable : Waited::kNothing;
}

void TcpStore::State::take_frames() {
  while (auto frame = link.socket.next()) take(*std::move(frame));
}

void TcpStore::State::take(StoreFrame frame) {
  const std::lock_guard lock(mutex);
  switch (frame.type) {
    case FrameType::kHeartbeat:
      return;
    case FrameType::kGoodbye:
      server_left = true;
      return;
    case FrameType::kLost:
      return add_lost({.rank = static_cast<int>(frame.number), .node = frame.key, .cause = frame.value});
    case FrameType::kFound:
      return remove_lost(static_cast<int>(frame.number));
    default:
      return finish_call(std::move(frame));
  }
}

void TcpStore::State::finish_call(StoreFrame reply) {
  const auto call = calls.find(reply.id);
  if (call == calls.end()) return;  // the caller's deadline passed first
  call->second->reply = std::move(reply);
  call->second->changed.notify_one();
}

void TcpStore::State::remove_lost(int found) {
  std::erase_if(lost, [&](const LostRank& known) { return known.rank == found; });
  lost_generation.fetch_add(1, std::memory_order_release);
}

void TcpStore::State::fail(const std::string& why) {
  const std::lock_guard lock(mutex);
  const auto own = std::ranges::find_if(lost, [&](const LostRank& known) { return rank >= 0 && known.rank == rank; });
  if (own != lost.end()) {
    failure = message("store at {} declared this rank {} lost: {}.", peer, rank, own->cause);
  } else if (server_left) {
    failure =
        message("store at {} was stopped. Nobody may use it after the rank or agent that serves it is done.", peer);
  } else {
    failure = message("store at {} is gone: {}. The rank or agent that served it has died.", peer, why);
    add_lost({.rank = -1, .node = {}, .cause = *failure});
  }
  for (const auto& [id, call] : calls) call->changed.notify_one();
}

// Under the mutex.
void TcpStore::State::add_lost(const LostRank& news) {
  std::erase_if(lost, [&](const LostRank& known) { return is_same(known, news); });
  lost.push_back(news);
  lost_generation.fetch_add(1, std::memory_order_release);
}

// The server's answer to a goodbye is to close. Waiting for that keeps bytes that cross the goodbye from resetting the
// connection and taking the goodbye with them.
void TcpStore::State::say_goodbye() {
  const auto deadline = Clock::now() + kGoodbyeTime;
  const std::lock_guard lock(mutex);
  FrameSocket& socket = link.socket;
  socket.queue({.type = FrameType::kGoodbye});
  while (socket.flush() && socket.wants_to_send()) {
    if (wait_for_events(socket.fd(), POLLOUT, deadline) == 0) return;
  }
  socket.finish_sending();
  while (wait_for_events(socket.fd(), POLLIN, deadline) != 0 && socket.receive()) {
  }
}

void TcpStore::State::wake_up() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake.get(), &one, sizeof(one));
}

TcpStore::TcpStore(const Options& options) : state_(std::make_unique<State>(options)) {}

TcpStore::~TcpStore() {
  state_->loop.request_stop();
  state_->wake_up();
  state_->loop.join();
}

void TcpStore::set(std::string_view key, std::string_view value) {
  detail::check_entry(key, value);
  state_->request({.type = FrameType::kSet, .key = std::string(key), .value = std::string(value)});
}

std::string TcpStore::get(std::string_view key, std::chrono::milliseconds timeout) {
  detail::check_key(key);
  auto reply = state_->request({.type = FrameType::kGet, .key = std::string(key)}, timeout);
  if (reply) return std::move(reply->value);
  throw TimeoutError(
      message("store get: key '{}' was not set within {} ms on the store at {}.", key, timeout.count(), state_->peer));
}

std::optional<std::string> TcpStore::try_get(std::string_view key) {
  detail::check_key(key);
  auto reply = state_->request({.type = FrameType::kTryGet, .key = std::string(key)});
  if (reply.type == FrameType::kAbsent) return std::nullopt;
  return std::move(reply.value);
}

std::int64_t TcpStore::add(std::string_view key, std::int64_t amount) {
  detail::check_key(key);
  return state_->request({.type = FrameType::kAdd, .number = amount, .key = std::string(key)}).number;
}

bool TcpStore::remove(std::string_view key) {
  detail::check_key(key);
  return state_->request({.type = FrameType::kRemove, .key = std::string(key)}).number != 0;
}

std::string TcpStore::local_host() const { return local_host_of(state_->link.socket.fd()); }

std::vector<LostRank> TcpStore::lost() const {
  if (lost_generation() == 0) return {};
  const std::lock_guard lock(state_->mutex);
  return state_->lost;
}

std::uint64_t TcpStore::lost_generation() const noexcept {
  return state_->lost_generation.load(std::memory_order_acquire);
}

void TcpStore::report_lost(const LostRank& rank) {
  detail::check_entry(rank.node, rank.cause);
  state_->request({.type = FrameType::kReportLost, .number = rank.rank, .key = rank.node, .value = rank.cause});
}

}  // namespace trireme
