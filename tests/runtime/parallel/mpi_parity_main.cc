#include <cstdio>

#include "training/odd_net.h"
#include "trireme/base/message.h"

// One rank of the parity run over MPI. Usage: mpirun -np N mpi_parity
// Every rank compares its result with the rank by rank reference. Exit code: 0 equal bit for bit, 1 not.
int main(int argc, char** argv) {
  using namespace trireme;
  TrainContext context(argc, argv, {.backend = "mpi"});
  const test::Trial trial{.ranks = context.world_size(),
                          .gate = [](std::int64_t step, int rank) { return rank == step % 2; }};
  const auto result = test::train_with_trireme(context, trial);
  const auto found = test::difference(test::train_rank_by_rank(trial), result);
  if (!found.empty()) {
    std::fprintf(stderr, "rank %d of %d differs from the reference: %s\n", context.rank(), trial.ranks, found.c_str());
    return 1;
  }
  context.print(message("{} ranks over {}: equal bit for bit", trial.ranks, context.communicator().backend()));
  return 0;
}
