#include "groups.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/tcp.h"

namespace trireme::soak {

namespace {

constexpr collectives::Timeout kFormingTimeout = std::chrono::seconds(30);

}  // namespace

const std::vector<std::string>& known_backends() {
  static const std::vector<std::string> kBackends = {"shm", "tcp"};
  return kBackends;
}

std::unique_ptr<collectives::Communicator> make_group(Store& store, const GroupWish& wish) {
  if (wish.backend == "shm") {
    return collectives::make_shm(store, {.rank = wish.rank,
                                         .size = wish.size,
                                         .name = wish.name,
                                         .timeout = kFormingTimeout,
                                         .global_rank = wish.global_rank,
                                         .staging_bytes = wish.staging_bytes});
  }
  if (wish.backend == "tcp") {
    return collectives::make_tcp(store, {.rank = wish.rank,
                                         .size = wish.size,
                                         .name = wish.name,
                                         .timeout = kFormingTimeout,
                                         .global_rank = wish.global_rank});
  }
  throw ConfigError(message("no backend '{}' in this campaign", wish.backend));
}

}  // namespace trireme::soak
