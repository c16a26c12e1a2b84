#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "context/store_bootstrap.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

std::string key_of_this_start(const EnvironmentLookup& lookup) {
  const auto run = lookup("TORCHELASTIC_RUN_ID").value_or("none");
  const auto restart = lookup("TORCHELASTIC_RESTART_COUNT").value_or("0");
  return message("trireme/{}/{}/store", run, restart);
}

}  // namespace

std::string exchange_through_torchrun(const RankEnvironment& environment, const std::string& address,
                                      const BootstrapOptions& options) {
  c10d::TCPStoreOptions client;
  client.port = *environment.master_port;
  client.isServer = false;
  client.waitWorkers = false;
  client.timeout = options.timeout;
  const auto key = key_of_this_start(options.lookup);
  try {
    c10d::TCPStore store(*environment.master_addr, client);
    if (environment.rank == 0) store.set(key, std::vector<std::uint8_t>(address.begin(), address.end()));
    const auto bytes = store.get(key);
    return {bytes.begin(), bytes.end()};
  } catch (const std::exception& error) {
    throw TimeoutError(
        message("Rank {} could not learn rank 0's address from torchrun's store at {}:{} within {} s: {}. "
                "Check that MASTER_ADDR and MASTER_PORT are torchrun's.",
                environment.rank, *environment.master_addr, *environment.master_port, options.timeout.count() / 1000,
                error.what()));
  }
}

}  // namespace trireme
