#include "mesh.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <numeric>
#include <optional>
#include <sstream>
#include <thread>

#include "strangers.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/tcp_socket.h"

namespace trireme::collectives {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kLook = 100ms;           // between two looks at who is lost
constexpr auto kRetry = 20ms;           // between two attempts to connect
constexpr auto kWaitForCause = 1000ms;  // how long the store may take to learn of a death that a socket showed

// What a rank publishes.
struct Address {
  std::string host;
  std::uint16_t port = 0;
  int global_rank = 0;
};

std::string to_text(const Address& address) {
  return message("{} {} {}", address.host, address.port, address.global_rank);
}

Address parse_address(const std::string& text) {
  std::istringstream in(text);
  Address address;
  if (in >> address.host >> address.port >> address.global_rank) return address;
  throw CommError(message("tcp: \"{}\" is no address of a rank; do all ranks run the same version?", text));
}

Token random_token() {
  Token token;
  if (::getrandom(token.data(), token.size(), 0) != static_cast<ssize_t>(token.size())) {
    throw CommError("tcp: the system has no random bytes");
  }
  return token;
}

// A key of the store that is removed with this object.
class Published {
 public:
  Published(Store& store, std::string key, const std::string& value) : store_(store), key_(std::move(key)) {
    store_.set(key_, value);
  }
  ~Published() {
    try {
      store_.remove(key_);
    } catch (const Error&) {  // the key outlives us in a store that is gone anyway
    }
  }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

 private:
  Store& store_;
  const std::string key_;
};

Listener listen(const std::string& host, const TcpOptions& options) {
  const auto who = message("tcp group '{}'", options.name);
  for (std::uint32_t port = options.first_port; port < options.last_port; ++port) {
    try {
      return listen_tcp(who, host, static_cast<std::uint16_t>(port));
    } catch (const ConfigError&) {  // taken: the last port's error is the one that is shown
    }
  }
  return listen_tcp(who, host, std::max(options.first_port, options.last_port));
}

// One rank's part in forming a group.
class Former {
 public:
  Former(Store& store, const TcpOptions& options)
      : store_(store),
        options_(options),
        deadline_(Clock::now() + std::min<Timeout>(options.timeout, 24h * 365)),
        listener_(listen(choose_host(store, options), options)),
        strangers_(listener_.socket.get()) {
    const auto size = static_cast<std::size_t>(options.size);
    mesh_.hosts.resize(size);
    mesh_.global_ranks.resize(size, -1);
    if (options.global_rank < 0) std::iota(mesh_.global_ranks.begin(), mesh_.global_ranks.end(), 0);
    mesh_.controls.resize(size);
    mesh_.control_readers.resize(size);
    mesh_.data.resize(size);
    is_ready_.assign(size, false);
    is_ready_[static_cast<std::size_t>(options.rank)] = true;
  }

  Mesh form() {
    try {
      meet();
    } catch (const CommError&) {
      tell_failure();
      throw;
    }
    return std::move(mesh_);
  }

 private:
  [[nodiscard]] std::string key(const std::string& what) const { return message("tcp/{}/{}", options_.name, what); }
  [[nodiscard]] std::string rank_key(int rank) const { return key(message("rank{}", rank)); }
  [[nodiscard]] std::size_t sockets_per_pair() const { return 2 + static_cast<std::size_t>(options_.connections); }

  [[nodiscard]] int own_global_rank() const { return options_.global_rank < 0 ? options_.rank : options_.global_rank; }

  void meet() {
    const auto host = choose_host(store_, options_);
    const Address own{host, listener_.port, own_global_rank()};
    std::optional<Published> token;
    if (options_.rank == 0) {
      token_ = random_token();
      token.emplace(store_, key("token"), std::string(token_.begin(), token_.end()));
    }
    const Published address(store_, rank_key(options_.rank), to_text(own));
    note_address(options_.rank, own);
    if (options_.rank != 0) learn_token();
    for (int peer = 0; peer < options_.rank; ++peer) connect_to(peer);
    accept_all();
    // Once everybody is ready, everybody has read what is published, and it goes.
    tell_all({.kind = Record::Kind::kReady});
    wait_for_all();
  }

  void note_address(int rank, const Address& address) {
    mesh_.hosts[static_cast<std::size_t>(rank)] = address.host;
    mesh_.global_ranks[static_cast<std::size_t>(rank)] = address.global_rank;
  }

  void learn_token() {
    const auto text = wait_for_key(key("token"), 0);
    if (text.size() != token_.size()) throw CommError("tcp: the group's token is of another version");
    std::copy(text.begin(), text.end(), token_.begin());
  }

  std::string wait_for_key(const std::string& key, int from) {
    for (;;) {
      try {
        return store_.get(key, kLook);
      } catch (const TimeoutError&) {
        look_around(from);
      }
    }
  }

  // Throws when going on makes no sense: somebody is lost, or it is late.
  void look_around(int waits_for) {
    const auto all_lost = store_.lost();
    if (!all_lost.empty()) learn_global_ranks();
    for (const auto& lost : all_lost) {
      const bool is_member =
          lost.rank >= 0 && std::ranges::find(mesh_.global_ranks, lost.rank) != mesh_.global_ranks.end();
      if (is_member) fail_lost(lost.rank, message("rank {} on node {} is lost: {}", lost.rank, lost.node, lost.cause));
    }
    if (Clock::now() >= deadline_) fail_late(waits_for);
  }

  // Of those who have come but not yet connected.
  void learn_global_ranks() {
    for (int rank = 0; rank < options_.size; ++rank) {
      auto& known = mesh_.global_ranks[static_cast<std::size_t>(rank)];
      if (known >= 0) continue;
      if (const auto text = store_.try_get(rank_key(rank))) known = parse_address(*text).global_rank;
    }
  }

  [[noreturn]] void fail_lost(int global_rank, const std::string& why) const {
    throw PeerLostError(global_rank, message("tcp group '{}': {}, while rank {}/{} formed the group", options_.name,
                                             why, options_.rank, options_.size));
  }

  [[noreturn]] void fail_late(int waits_for) {
    std::string absent;
    for (int rank = 0; rank < options_.size; ++rank) {
      if (!store_.try_get(rank_key(rank))) absent += message("{}{}", absent.empty() ? "" : ", ", rank);
    }
    const auto& host = mesh_.hosts[static_cast<std::size_t>(waits_for)];
    const auto present = host.empty() ? message("rank {} is there, but did not connect", waits_for)
                                      : message("rank {} is there, but does not answer at {}", waits_for, host);
    const auto why = absent.empty() ? present : message("rank {} did not arrive", absent);
    throw TimeoutError(
        message("tcp group '{}' of {} ranks timed out on rank {} after {} ms while it was formed: {}. Look at the "
                "output of that rank; is it started with the same world size, and does a firewall let {} through?",
                options_.name, options_.size, options_.rank, options_.timeout.count(), why,
                mesh_.hosts[static_cast<std::size_t>(options_.rank)]));
  }

  void connect_to(int peer) {
    const auto address = parse_address(wait_for_key(rank_key(peer), peer));
    note_address(peer, address);
    for (std::uint32_t connection = 0; connection < sockets_per_pair(); ++connection) {
      auto socket = connect_to(peer, address);
      const auto hello =
          encode(Hello{token_, static_cast<std::uint32_t>(options_.rank), connection, own_global_rank()});
      if (::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(hello.size())) {
        throw CommError(
            message("tcp group '{}': rank {} at {}:{} took no hello", options_.name, peer, address.host, address.port));
      }
      add(peer, connection, std::move(socket));
    }
  }

  UniqueFd connect_to(int peer, const Address& address) {
    std::string error;
    for (;;) {
      auto socket = connect_tcp(address.host, address.port, std::min(deadline_, Clock::now() + 1s), error);
      if (socket) return socket;
      look_around(peer);
      std::this_thread::sleep_for(kRetry);
    }
  }

  void add(int peer, std::uint32_t connection, UniqueFd socket) {
    const auto index = static_cast<std::size_t>(peer);
    auto& data = mesh_.data[index];
    if (connection == 0) {
      mesh_.controls[index] = std::move(socket);
    } else {
      data.resize(std::max<std::size_t>(data.size(), connection));
      data[connection - 1] = std::move(socket);
    }
  }

  [[nodiscard]] bool has_all(int peer) const {
    const auto& data = mesh_.data[static_cast<std::size_t>(peer)];
    return mesh_.controls[static_cast<std::size_t>(peer)] && data.size() + 1 == sockets_per_pair() &&
           std::ranges::all_of(data, [](const UniqueFd& socket) { return static_cast<bool>(socket); });
  }

  void accept_all() {
    for (int peer = options_.rank + 1; peer < options_.size;) {
      if (has_all(peer)) {
        ++peer;
        continue;
      }
      for (auto& guest : strangers_.welcome(kLook)) welcome(std::move(guest));
      hear_controls();
      look_around(peer);
    }
  }

  void welcome(Guest guest) {
    const auto& hello = guest.hello;
    const bool is_expected = hello.token == token_ && std::cmp_greater(hello.rank, options_.rank) &&
                             std::cmp_less(hello.rank, options_.size) && hello.connection < sockets_per_pair();
    if (!is_expected) return;
    const auto peer = static_cast<int>(hello.rank);
    note_address(peer, {remote_host_of(guest.socket.get()), 0, hello.global_rank});
    add(peer, hello.connection, std::move(guest.socket));
  }

  void tell_all(const Record& record) noexcept {
    const auto bytes = encode(record);
    for (const auto& control : mesh_.controls) {
      if (control) (void)!::send(control.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  }

  void tell_failure() noexcept {
    const auto failure = failure_of(std::current_exception());
    if (!has_heard_failure_) tell_all({.kind = Record::Kind::kFailure, .failure = failure});
  }

  void wait_for_all() {
    for (int peer = 0; peer < options_.size;) {
      if (is_ready_[static_cast<std::size_t>(peer)]) {
        ++peer;
        continue;
      }
      const auto& control = mesh_.controls[static_cast<std::size_t>(peer)];
      (void)wait_for_events(control.get(), POLLIN, Clock::now() + kLook);
      hear_controls();
      look_around(peer);
    }
  }

  // What a peer says after it is ready belongs to the group.
  void hear_controls() {
    for (int peer = 0; peer < options_.size; ++peer) {
      const auto index = static_cast<std::size_t>(peer);
      if (mesh_.controls[index] && !is_ready_[index]) hear_control(peer);
    }
  }

  void hear_control(int peer) {
    std::array<std::byte, 4096> bytes;
    const auto index = static_cast<std::size_t>(peer);
    const auto count = ::recv(mesh_.controls[index].get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    if (count <= 0) wait_for_cause(peer);
    mesh_.control_readers[index].feed({bytes.data(), static_cast<std::size_t>(count)});
    const auto record = mesh_.control_readers[index].next();
    if (!record) return;
    if (record->kind == Record::Kind::kFailure) hear_failure(record->failure);
    is_ready_[index] = true;
  }

  [[noreturn]] void hear_failure(const Failure& failure) {
    has_heard_failure_ = true;
    throw_failure(failure);
  }

  // The connection ended while the group was formed. The store says why, or soon will.
  [[noreturn]] void wait_for_cause(int peer) {
    const auto patience = std::min(deadline_, Clock::now() + kWaitForCause);
    while (Clock::now() < patience) {
      look_around(peer);
      std::this_thread::sleep_for(kRetry);
    }
    const auto index = static_cast<std::size_t>(peer);
    fail_lost(mesh_.global_ranks[index], message("rank {} at {} closed its connection", peer, mesh_.hosts[index]));
  }

  Store& store_;
  const TcpOptions& options_;
  const Clock::time_point deadline_;
  const Listener listener_;
  Strangers strangers_;
  Token token_{};
  Mesh mesh_;
  std::vector<bool> is_ready_;  // by rank
  bool has_heard_failure_ = false;
};

}  // namespace

std::string choose_host(const Store& store, const TcpOptions& options) {
  if (!options.host.empty()) return options.host;
  if (!options.interface.empty()) {
    if (auto host = host_of_interface(options.interface)) return *std::move(host);
    throw ConfigError(message("tcp group '{}': there is no network interface '{}' with an IPv4 address; see `ip addr`",
                              options.name, options.interface));
  }
  const auto host = store.local_host();
  return host.empty() ? "127.0.0.1" : host;
}

Mesh form_mesh(Store& store, const TcpOptions& options) { return Former(store, options).form(); }

}  // namespace trireme::collectives
