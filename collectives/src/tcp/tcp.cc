#include "trireme/collectives/tcp.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "../exchange/exchange.h"
#include "../part_options.h"
#include "../peer_watch.h"
#include "../posting_communicator.h"
#include "../private_memory.h"
#include "control.h"
#include "mesh.h"
#include "tcp_messenger.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kCollectivesUnderWay = 4;
// A bound on how late a sleeper sees what no socket announces: a lost rank, its own deadline.
constexpr auto kLongestSleep = 20ms;
// A socket shows a death before the store has heard of it, or of what caused it.
constexpr auto kWaitForCause = 1000ms;
// Looks are system calls: none before yielding. Going to sleep costs a peer a wake-up, so it comes late.
constexpr Patience kPatience = {.spins = 0, .yields = 64};

class TcpTransport final : public Transport {
 public:
  TcpTransport(Store& store, TcpOptions options) : TcpTransport(store, options, form_mesh(store, options)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "tcp"; }
  [[nodiscard]] int rank() const noexcept override { return options_.rank; }
  [[nodiscard]] int size() const noexcept override { return options_.size; }

  [[nodiscard]] std::unique_ptr<Task> start(const Operation& operation) override {
    abort_.check();
    return start_exchange(group_, operation);
  }
  [[nodiscard]] std::size_t depth() const noexcept override { return kCollectivesUnderWay; }

  void check_peers() override {
    abort_.check();
    if (const auto failure = control_.heard()) throw_failure(*failure);
    watch_.check([this](int peer) { return standing(peer); });
    for (int peer = 0; peer < size(); ++peer) check_peer(peer);
  }
  [[nodiscard]] std::string standing(int rank) const override { return group_.standing(rank); }

  [[nodiscard]] Patience patience() const noexcept override { return kPatience; }
  void sleep(const std::function<bool()>& moved) override {
    // The last look may have posted a receive for bytes that a socket announced before, and announces only once.
    if (!moved() && !messenger_.progress()) readiness_.look(kLongestSleep);
  }

  void doze(std::chrono::nanoseconds most) override {
    if (!messenger_.progress()) readiness_.look(most);
  }

  void announce(const Failure& failure) noexcept override { control_.tell(failure); }
  void abort(std::string_view reason) override {
    abort_.raise(reason);
    control_.tell({FailureKind::kCommunication, -1, std::string(reason)});
    readiness_.wake();
  }

  [[nodiscard]] MemoryPtr allocate(std::size_t bytes) override { return std::make_shared<PrivateMemory>(bytes); }

  [[nodiscard]] std::unique_ptr<Transport> split(const Subgroup& subgroup) override {
    if (subgroup.color < 0) return nullptr;
    auto options = part_options(options_, subgroup, watch_.global_rank(rank()));
    return std::make_unique<TcpTransport>(store_, std::move(options));
  }

 private:
  TcpTransport(Store& store, TcpOptions options, Mesh mesh)
      : store_(store),
        options_(std::move(options)),
        hosts_(std::move(mesh.hosts)),
        watch_(&store, std::move(mesh.global_ranks), options_.rank, PeerWatch::Witness::kOneOfSeveral),
        control_(std::move(mesh.controls), std::move(mesh.control_readers), readiness_),
        messenger_(options_.rank, std::move(mesh.data), readiness_),
        group_(messenger_),
        broken_since_(static_cast<std::size_t>(options_.size)) {}

  void check_peer(int peer) {
    if (control_.has_said_goodbye(peer)) return check_left(peer);
    const auto* broken = messenger_.broken(peer);
    const auto& end = broken != nullptr ? *broken : control_.end(peer);
    if (!end.empty()) check_broken(peer, end);
  }

  // What the peer sent before it left has been read when the connection it came on has ended.
  void check_left(int peer) const {
    if (!messenger_.waits_in_vain(peer)) return;
    throw CommError(message("rank {}/{} has destroyed its communicator, and rank {} still waits for it: it {}", peer,
                            size(), rank(), standing(peer)));
  }

  // The store is given a while to say more: the launcher's shim knows the signal.
  void check_broken(int peer, const std::string& why) {
    auto& since = broken_since_[static_cast<std::size_t>(peer)];
    const auto now = Clock::now();
    if (since == Clock::time_point{}) since = now;
    if (now - since < kWaitForCause) return;
    const int global_rank = watch_.global_rank(peer);
    throw PeerLostError(
        global_rank, message("rank {} on {} is lost: its connection ended without a goodbye ({}). It {}; rank {}/{} "
                             "waits for it",
                             global_rank, hosts_[static_cast<std::size_t>(peer)], why, standing(peer), rank(), size()));
  }

  Store& store_;
  const TcpOptions options_;
  const std::vector<std::string> hosts_;
  Readiness readiness_;
  AbortFlag abort_;
  PeerWatch watch_;
  Control control_;
  TcpMessenger messenger_;
  ExchangeGroup group_;
  std::vector<Clock::time_point> broken_since_;  // by rank
};

void check(const TcpOptions& options) {
  const auto refuse = [&](const std::string& problem) {
    throw ConfigError(message("tcp group '{}': {}", options.name, problem));
  };
  if (options.size < 1 || options.rank < 0 || options.rank >= options.size) {
    refuse(message("rank {} of {} is no rank", options.rank, options.size));
  }
  if (options.host == "0.0.0.0") refuse("0.0.0.0 reaches nobody; give the address by which other ranks reach this one");
  if (options.connections < 1 || options.connections > 64) {
    refuse(message("{} connections for a pair; give 1 to 64", options.connections));
  }
  if (options.last_port < options.first_port && options.last_port != 0) {
    refuse(message("ports {} to {} are no range", options.first_port, options.last_port));
  }
}

}  // namespace

std::unique_ptr<Communicator> make_tcp(Store& store, const TcpOptions& options) {
  check(options);
  return std::make_unique<PostingCommunicator>(std::make_unique<TcpTransport>(store, options), options.name);
}

}  // namespace trireme::collectives
