#include "groups.h"

#include <algorithm>

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/collectives/hierarchical.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/tcp.h"

namespace trireme::soak {

namespace {

constexpr collectives::Timeout kFormingTimeout = std::chrono::seconds(30);

std::unique_ptr<collectives::Communicator> shm_group(Store& store, const GroupWish& wish) {
  return collectives::make_shm(store, {.rank = wish.rank,
                                       .size = wish.size,
                                       .name = wish.name,
                                       .timeout = kFormingTimeout,
                                       .global_rank = wish.global_rank,
                                       .staging_bytes = wish.staging_bytes});
}

std::unique_ptr<collectives::Communicator> tcp_group(Store& store, const GroupWish& wish) {
  return collectives::make_tcp(store, {.rank = wish.rank,
                                       .size = wish.size,
                                       .name = wish.name,
                                       .timeout = kFormingTimeout,
                                       .global_rank = wish.global_rank});
}

// Nodes of two ranks, the last of one where the number is odd.
std::unique_ptr<collectives::Communicator> hierarchical_group(Store& store, const GroupWish& wish) {
  constexpr int kRanksOfNode = 2;
  const int node = wish.rank / kRanksOfNode;
  auto between = tcp_group(store, wish);
  auto within = wish;
  within.name = message("{}/node{}", wish.name, node);
  within.rank = wish.rank % kRanksOfNode;
  within.size = std::min(kRanksOfNode, wish.size - node * kRanksOfNode);
  within.global_rank = wish.global_rank < 0 ? wish.rank : wish.global_rank;
  return collectives::make_hierarchical(std::move(between), shm_group(store, within));
}

}  // namespace

const std::vector<std::string>& known_backends() {
  static const std::vector<std::string> kBackends = {"shm", "tcp", "hierarchical"};
  return kBackends;
}

std::unique_ptr<collectives::Communicator> make_group(Store& store, const GroupWish& wish) {
  if (wish.backend == "shm") return shm_group(store, wish);
  if (wish.backend == "tcp") return tcp_group(store, wish);
  if (wish.backend == "hierarchical") return hierarchical_group(store, wish);
  throw ConfigError(message("no backend '{}' in this campaign", wish.backend));
}

}  // namespace trireme::soak
