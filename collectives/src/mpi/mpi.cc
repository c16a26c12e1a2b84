#include "trireme/collectives/mpi.h"

#include <chrono>
#include <thread>
#include <utility>

#include "../posting_communicator.h"
#include "../private_memory.h"
#include "exchange_task.h"
#include "failure_channel.h"
#include "message_task.h"
#include "session.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr int kSpinsWithOwnCore = 500;  // each is a round of MPI's own progress
constexpr auto kPause = std::chrono::microseconds(20);

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

// All calls of MPI come from the thread that made it, but for abort(), which then only raises a flag.
class MpiTransport final : public Transport {
 public:
  MpiTransport(MpiComm collectives, int local_ranks)
      : collectives_(std::move(collectives)),
        messages_(collectives_.duplicate()),
        group_{.comm = collectives_.get(), .rank = collectives_.rank(), .size = collectives_.size()},
        failures_(collectives_.get(), group_.rank, group_.size),
        local_ranks_(local_ranks) {
    group_.heard.resize(static_cast<std::size_t>(group_.size));
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "mpi"; }
  [[nodiscard]] int rank() const noexcept override { return group_.rank; }
  [[nodiscard]] int size() const noexcept override { return group_.size; }

  [[nodiscard]] std::unique_ptr<Task> start(const Operation& operation) override {
    switch (operation.signature.kind) {
      case OpKind::kSend:
        return std::make_unique<MpiSendTask>(messages_.get(), operation);
      case OpKind::kReceive:
        return std::make_unique<MpiReceiveTask>(messages_.get(), rank(), operation);
      default:
        return std::make_unique<ExchangeTask>(group_, operation);
    }
  }

  void check_peers() override {
    abort_.check();
    if (const auto failure = failures_.heard()) throw_failure(*failure);
  }
  [[nodiscard]] std::string standing(int rank) const override {
    const auto& last = group_.heard[static_cast<std::size_t>(rank)];
    if (last.sequence == 0) return "has not been heard of";
    return message("has called {} ({} bytes)", describe(last), last.bytes());
  }

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
    return std::make_unique<MpiTransport>(MpiComm(part), local_ranks_);
  }

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  const MpiComm collectives_;
  const MpiComm messages_;  // of send and receive, so that the caller may use every tag
  MpiGroup group_;
  FailureChannel failures_;
  AbortFlag abort_;
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

std::unique_ptr<Communicator> make_mpi(int expected_size) {
  start_mpi();
  int size = 0;
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
  check_world(size, expected_size);
  MPI_Comm world = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup");
  return std::make_unique<PostingCommunicator>(
      std::make_unique<MpiTransport>(MpiComm(world), ranks_on_this_node(MPI_COMM_WORLD)));
}

}  // namespace trireme::collectives
