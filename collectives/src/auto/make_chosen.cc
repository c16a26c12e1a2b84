#include <algorithm>
#include <string>
#include <vector>

#include "trireme/base/check.h"
#include "trireme/collectives/auto.h"
#include "trireme/collectives/hierarchical.h"
#include "trireme/collectives/mpi.h"
#include "trireme/collectives/nccl.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"
#include "trireme/collectives/tcp.h"

namespace trireme::collectives {
namespace {

std::unique_ptr<Communicator> make_between_nodes(Backend backend, const RankEnvironment& environment, Store* store,
                                                 const AutoOptions& options) {
  if (backend == Backend::kMpi) return make_mpi(environment.world_size, store);
  TRIREME_CHECK(store != nullptr, "backend {} needs a store", to_string(backend));
  return make_tcp(*store, {.rank = environment.rank, .size = environment.world_size, .timeout = options.timeout});
}

// Ranks of the world that name the same node as this one, in ascending order.
std::vector<int> neighbours(Communicator& world, const std::vector<std::string>& nodes) {
  std::vector<int> ranks;
  const auto& own = nodes[static_cast<std::size_t>(world.rank())];
  for (int rank = 0; rank < world.size(); ++rank) {
    if (nodes[static_cast<std::size_t>(rank)] == own) ranks.push_back(rank);
  }
  return ranks;
}

std::unique_ptr<Communicator> make_node(const std::vector<int>& members, const RankEnvironment& environment,
                                        Store* store, const AutoOptions& options) {
  if (members.size() == 1) return make_single();
  TRIREME_CHECK(store != nullptr, "the ranks of a node need a store to meet");
  const auto local = std::ranges::find(members, environment.rank) - members.begin();
  return make_shm(*store, {.rank = static_cast<int>(local),
                           .size = static_cast<int>(members.size()),
                           .name = "node" + std::to_string(members.front()),
                           .timeout = options.timeout,
                           .global_rank = environment.rank});
}

std::unique_ptr<Communicator> join(std::unique_ptr<Communicator> world, const RankEnvironment& environment,
                                   Store* store, const AutoOptions& options) {
  const auto nodes = world->all_gather_bytes(environment.node);
  const bool has_neighbours =
      std::ranges::any_of(nodes, [&](const auto& node) { return std::ranges::count(nodes, node) > 1; });
  if (!has_neighbours) return world;
  auto node = make_node(neighbours(*world, nodes), environment, store, options);
  return make_hierarchical(std::move(world), std::move(node), {.leaders = options.leaders});
}

}  // namespace

std::unique_ptr<Communicator> make_chosen(const BackendChoice& choice, const RankEnvironment& environment, Store* store,
                                          const AutoOptions& options) {
  switch (choice.backend) {
    case Backend::kSingle:
      return make_single();
    case Backend::kTcp:
    case Backend::kMpi:
      return make_between_nodes(choice.backend, environment, store, options);
    case Backend::kHierarchical:
      return join(make_between_nodes(choice.between_nodes, environment, store, options), environment, store, options);
    case Backend::kShm:
      TRIREME_CHECK(store != nullptr, "backend shm needs a store");
      return make_shm(*store, {.rank = environment.rank, .size = environment.world_size, .timeout = options.timeout});
    case Backend::kNccl:
      break;
  }
  TRIREME_CHECK(store != nullptr, "backend nccl needs a store");
  return make_nccl(
      *store,
      {.rank = environment.rank, .size = environment.world_size, .device = options.gpu, .timeout = options.timeout});
}

}  // namespace trireme::collectives
