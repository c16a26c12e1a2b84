#include "training/thread_context.h"

#include "support/thread_ranks.h"
#include "trireme/collectives/shm.h"

namespace trireme::test {

RankEnvironment one_node_environment(int rank, int size) {
  RankEnvironment environment;
  environment.rank = rank;
  environment.world_size = size;
  environment.local_rank = rank;
  environment.local_world_size = size;
  environment.node = "node";
  return environment;
}

void run_thread_contexts(int size, const std::function<void(TrainContext&)>& body, const WrapCommunicator& wrap) {
  run_thread_ranks(size, [&](const ThreadRank& rank) {
    collectives::ShmOptions options;
    options.rank = rank.rank;
    options.size = rank.size;
    auto communicator = collectives::make_shm(rank.store, options);
    if (wrap) communicator = wrap(std::move(communicator));
    TrainContext context(one_node_environment(rank.rank, rank.size), std::move(communicator));
    body(context);
  });
}

}  // namespace trireme::test
