#include "nccl_bootstrap.h"

#include <cstring>
#include <string>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

std::string key(const NcclOptions& options) { return "nccl/" + options.name; }
std::string arrival_key(const NcclOptions& options, int rank) { return message("{}/arrived/{}", key(options), rank); }

std::string missing_text(Store& store, const NcclOptions& options) {
  std::string missing;
  for (int rank = 0; rank < options.size; ++rank) {
    if (!store.try_get(arrival_key(options, rank)))
      missing += (missing.empty() ? "rank " : ", ") + std::to_string(rank);
  }
  return message("nccl group '{}' of {} ranks timed out on rank {} after {} ms while it was formed: {}", options.name,
                 options.size, options.rank, options.timeout.count(),
                 missing.empty() ? "all ranks came, but NCCL could not connect them; NCCL_DEBUG=INFO shows why"
                                 : missing + " did not arrive");
}

ncclUniqueId exchange_id(NcclApi& api, Store& store, const NcclOptions& options) {
  ncclUniqueId id{};
  if (options.rank == 0) {
    check_nccl(api, api.get_unique_id(&id), "ncclGetUniqueId");
    store.set(key(options), std::string_view(id.internal, sizeof id.internal));
    return id;
  }
  std::string bytes;
  try {
    bytes = store.get(key(options), options.timeout);
  } catch (const TimeoutError&) {
    throw TimeoutError(missing_text(store, options));
  }
  if (bytes.size() != sizeof id.internal) throw CommError("the store holds no NCCL id under " + key(options));
  std::memcpy(id.internal, bytes.data(), sizeof id.internal);
  return id;
}

}  // namespace

ncclConfig_t nccl_config() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return config;
}

NcclComm form_nccl_comm(const NcclApiPtr& api, Store& store, const NcclOptions& options) {
  store.set(arrival_key(options, options.rank), "");
  const auto deadline = api->now() + options.timeout;
  const auto id = exchange_id(*api, store, options);
  check_cuda(*api, api->set_device(options.device), "cudaSetDevice");
  auto config = nccl_config();
  ncclComm_t raw = nullptr;
  check_nccl(*api, api->comm_init_rank_config(&raw, options.size, id, options.rank, &config), "ncclCommInitRankConfig");
  NcclComm comm(api, raw);
  while (!comm.settle()) {
    if (api->now() >= deadline) {
      comm.abort();
      throw TimeoutError(missing_text(store, options));
    }
    api->pause();
  }
  store.remove(arrival_key(options, options.rank));
  if (options.rank == 0) store.remove(key(options));
  return comm;
}

}  // namespace trireme::collectives
