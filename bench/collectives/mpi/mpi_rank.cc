// One rank of an MPI library in the collectives benchmark: the library's own operations, nothing of Trireme's.
// Compiled with the library's wrapper, once for each; started by run.py under the library's mpirun.
#include <mpi.h>

#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include "../measure/rank_program.h"
#include "../measure/start_line.h"

namespace trireme::bench {
namespace {

class MpiSystem final : public System {
 public:
  MpiSystem(int rank, int ranks) : rank_(rank), ranks_(ranks) {}

  // MPI_IN_PLACE makes reduce_scatter slower: the libraries then copy into memory of their own.
  [[nodiscard]] bool prefers_in_place(Operation operation) const override { return operation == Operation::kAllGather; }

  [[nodiscard]] Region allocate(std::int64_t count, BufferKind kind) override {
    if (kind == BufferKind::kArena) throw std::invalid_argument("an MPI library has no arena");
    return allocate_foreign(count);
  }

  void run(const Exchange& exchange) override {
    const int count = static_cast<int>(exchange.count);
    const int block = count / ranks_;
    float* const input = exchange.input;
    float* const output = exchange.output;
    switch (exchange.operation) {
      case Operation::kAllReduce:
        MPI_Allreduce(MPI_IN_PLACE, input, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        return;
      case Operation::kReduceScatter:
        MPI_Reduce_scatter_block(input, output, block, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        return;
      case Operation::kAllGather:
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, output, block, MPI_FLOAT, MPI_COMM_WORLD);
        return;
      case Operation::kBroadcast:
        MPI_Bcast(input, count, MPI_FLOAT, kRoot, MPI_COMM_WORLD);
        return;
      case Operation::kReduce:
        MPI_Reduce(rank_ == kRoot ? MPI_IN_PLACE : input, output, count, MPI_FLOAT, MPI_SUM, kRoot, MPI_COMM_WORLD);
        return;
      case Operation::kGather:
        MPI_Gather(input, block, MPI_FLOAT, output, block, MPI_FLOAT, kRoot, MPI_COMM_WORLD);
        return;
      case Operation::kScatter:
        MPI_Scatter(input, block, MPI_FLOAT, output, block, MPI_FLOAT, kRoot, MPI_COMM_WORLD);
        return;
      case Operation::kAllToAll:
        MPI_Alltoall(input, block, MPI_FLOAT, output, block, MPI_FLOAT, MPI_COMM_WORLD);
        return;
      case Operation::kSendReceive:
        MPI_Sendrecv(input, count, MPI_FLOAT, (rank_ + 1) % ranks_, 0, output, count, MPI_FLOAT,
                     (rank_ + ranks_ - 1) % ranks_, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        return;
      case Operation::kBarrier:
        MPI_Barrier(MPI_COMM_WORLD);
        return;
    }
  }

 private:
  int rank_;
  int ranks_;
};

// MPI's own errors end the program: MPI_ERRORS_ARE_FATAL is the default.
int run_rank(const RankOptions& options) {
  MPI_Init(nullptr, nullptr);
  int rank = 0;
  int ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  pin_to_core(rank, ranks);
  MpiSystem system(rank, ranks);
  const int code = serve(system, options, rank, ranks);
  if (code != 0) MPI_Abort(MPI_COMM_WORLD, code);
  MPI_Finalize();
  return code;
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: mpirun -np RANKS " << argv[0] << " SOCKET PAGE   (scripts/bench collectives starts it)\n";
    return 2;
  }
  return trireme::bench::run_rank({argv[1], argv[2]});
} catch (const std::exception& error) {
  std::cerr << "mpi_rank: error: " << error.what() << '\n';
  return 1;
}
