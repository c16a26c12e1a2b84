#include "trireme/collectives/mpi.h"

#include <chrono>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "../exchange/exchange.h"
#include "../peer_watch.h"
#include "../posting_communicator.h"
#include "../private_memory.h"
#include "failure_channel.h"
#include "mpi_messenger.h"
#include "session.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr int kSpinsWithOwnCore = 500;  // each is a round of MPI's own progress
constexpr auto kPause = std::chrono::microseconds(20);
constexpr std::size_t kCollectivesUnderWay = 4;

// Asked once: counting the cores is a system call.
Patience patience_of(int local_ranks) {
  const bool has_own_core = std::cmp_less_equal(local_ranks, std::thread::hardware_concurrency());
  return {.spins = has_own_core ? kSpinsWithOwnCore : 0};
}

int ranks_on_this_node(MPI_Comm comm) {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
  return MpiComm(node).size();
}

std::vector<int> ranks_of_world(int size) {
  std::vector<int> ranks(static_cast<std::size_t>(size));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

// Memory that MPI may still read or write after a failure lives as long as the process.
void keep_for_ever(std::unique_ptr<ExchangeGroup> group) {
  static auto* const kept = new std::vector<std::unique_ptr<ExchangeGroup>>;  // reachable, and never destroyed
  kept->push_back(std::move(group));
}

// All calls of MPI come from the thread that made it, but for abort(), which then only raises a flag.
class MpiTransport final : public Transport {
 public:
  // `world_ranks`: by rank of `collectives`, the rank by which the store knows it.
  MpiTransport(MpiComm collectives, int local_ranks, Store* store, std::vector<int> world_ranks)
      : collectives_(std::move(collectives)),
        messages_(collectives_.duplicate()),
        messenger_(collectives_.get(), messages_.get(), collectives_.rank(), collectives_.size()),
        group_(std::make_unique<ExchangeGroup>(messenger_)),
        failures_(collectives_.get(), rank(), size()),
        store_(store),
        peers_(store, std::move(world_ranks), rank(), PeerWatch::Witness::kOnly),
        local_ranks_(local_ranks) {}
  ~MpiTransport() override {
    if (failures_.is_over()) keep_for_ever(std::move(group_));
  }
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return "mpi"; }
  [[nodiscard]] int rank() const noexcept override { return messenger_.rank(); }
  [[nodiscard]] int size() const noexcept override { return messenger_.size(); }

  [[nodiscard]] std::unique_ptr<Task> start(const Operation& operation) override {
    abort_.check();
    return start_exchange(*group_, operation);
  }
  [[nodiscard]] std::size_t depth() const noexcept override { return kCollectivesUnderWay; }

  void check_peers() override {
    abort_.check();
    if (const auto failure = failures_.heard()) throw_failure(*failure);
    peers_.check([this](int peer) { return standing(peer); });
  }
  [[nodiscard]] std::string standing(int rank) const override { return group_->standing(rank); }

  [[nodiscard]] Patience patience() const noexcept override { return patience_; }
  void sleep(const std::function<bool()>& moved) override {
    if (!moved()) std::this_thread::sleep_for(kPause);
  }

  void announce(const Failure& failure) noexcept override { failures_.tell(failure); }
  void abort(std::string_view reason) override {
    abort_.raise(reason);
    if (std::this_thread::get_id() == thread_) failures_.tell({FailureKind::kCommunication, -1, std::string(reason)});
  }

  [[nodiscard]] MemoryPtr allocate(std::size_t bytes) override { return std::make_shared<PrivateMemory>(bytes); }

  [[nodiscard]] std::unique_ptr<Transport> split(const Subgroup& subgroup) override {
    MPI_Comm part = MPI_COMM_NULL;
    const int color = subgroup.color < 0 ? MPI_UNDEFINED : subgroup.color;
    check_mpi(MPI_Comm_split(collectives_.get(), color, subgroup.rank, &part), "MPI_Comm_split");
    if (part == MPI_COMM_NULL) return nullptr;
    std::vector<int> world_ranks;
    for (const int member : subgroup.members) world_ranks.push_back(peers_.global_rank(member));
    return std::make_unique<MpiTransport>(MpiComm(part), local_ranks_, store_, std::move(world_ranks));
  }

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  const MpiComm collectives_;
  const MpiComm messages_;  // of send and receive, so that the caller may use every tag
  MpiMessenger messenger_;
  std::unique_ptr<ExchangeGroup> group_;
  FailureChannel failures_;
  AbortFlag abort_;
  Store* store_;
  PeerWatch peers_;
  const int local_ranks_;
  const Patience patience_ = patience_of(local_ranks_);
};

void check_world(int size, int expected_size) {
  if (size == expected_size) return;
  throw ConfigError(message(
      "MPI_Init gave a world of {} where the environment promised {} ranks. Start the program with the mpirun of "
      "Open MPI, with which it was built, as: mpirun -np {} PROGRAM; or use another backend than mpi",
      size, expected_size, expected_size));
}

}  // namespace

bool has_mpi() noexcept { return true; }

std::unique_ptr<Communicator> make_mpi(int expected_size, Store* store) {
  start_mpi();
  int size = 0;
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
  check_world(size, expected_size);
  MPI_Comm world = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup");
  return std::make_unique<PostingCommunicator>(
      std::make_unique<MpiTransport>(MpiComm(world), ranks_on_this_node(MPI_COMM_WORLD), store, ranks_of_world(size)));
}

}  // namespace trireme::collectives
