#include "nccl_group.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "../posting_communicator.h"
#include "nccl_transport.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

std::string id_key(const NcclOptions& options, int index) { return message("nccl/{}/id/{}", options.name, index); }
std::string arrival_key(const NcclOptions& options, int rank) {
  return message("nccl/{}/arrived/{}", options.name, rank);
}

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

void check_options(NcclApi& api, const NcclOptions& options) {
  if (options.size < 1 || options.rank < 0 || options.rank >= options.size || options.ranks_per_id < 1) {
    throw ConfigError(message("nccl group '{}': rank {} of {} is no rank, or {} ranks per id is no number",
                              options.name, options.rank, options.size, options.ranks_per_id));
  }
  int devices = 0;
  if (const auto error = api.get_device_count(&devices); error != CudaResult::kSuccess) {
    throw ConfigError(
        message("nccl group '{}': CUDA finds no GPU ({}). Is a driver for this CUDA loaded? nvidia-smi "
                "shows; without a GPU use another backend",
                options.name, api.get_error_string(error)));
  }
  if (options.device < 0 || options.device >= devices) {
    throw ConfigError(
        message("nccl group '{}': rank {} asks for GPU {}, but CUDA shows {}. CUDA_VISIBLE_DEVICES "
                "decides which",
                options.name, options.rank, options.device, devices));
  }
  NcclVersions versions;
  check_nccl(api, api.get_versions(&versions), "ncclGetVersion");
  check_versions(versions);
}

std::vector<NcclUniqueId> exchange_ids(NcclApi& api, Store& store, const NcclOptions& options) {
  std::vector<NcclUniqueId> ids(static_cast<std::size_t>(id_count(options.size, options.ranks_per_id)));
  const int count = static_cast<int>(ids.size());
  for (int index = 0; index < count; ++index) {
    if (id_maker(index, options.size, count) != options.rank) continue;
    check_nccl(api, api.get_unique_id(&ids[index]), "ncclGetUniqueId");
    store.set(id_key(options, index), {ids[index].bytes.data(), ids[index].bytes.size()});
  }
  for (int index = 0; index < count; ++index) {
    std::string bytes;
    try {
      bytes = store.get(id_key(options, index), options.timeout);
    } catch (const TimeoutError&) {
      throw TimeoutError(missing_text(store, options));
    }
    if (bytes.size() != sizeof(NcclUniqueId)) {
      throw CommError(message("the store holds no NCCL id under {}", id_key(options, index)));
    }
    std::memcpy(ids[index].bytes.data(), bytes.data(), bytes.size());
  }
  return ids;
}

void check_lost(GroupBoard& board) {
  for (const auto& lost : board.store().lost()) {
    if (lost.rank < 0 || !board.rank_of(lost.rank)) continue;
    throw PeerLostError(lost.rank, message("rank {} on node {} is lost: {}; nccl group '{}' was being formed",
                                           lost.rank, lost.node, lost.cause, board.name()));
  }
}

std::shared_ptr<NcclComm> connect(const NcclApiPtr& api, GroupBoard& board, const NcclOptions& options) {
  auto& store = board.store();
  store.set(arrival_key(options, options.rank), "");
  const auto deadline = api->now() + options.timeout;
  auto ids = exchange_ids(*api, store, options);
  check_cuda(*api, api->set_device(options.device), "cudaSetDevice");
  NcclCommHandle handle = nullptr;
  check_nccl(*api, api->comm_init(&handle, options.size, options.rank, ids, options.name), "ncclCommInitRankConfig");
  auto comm = std::make_shared<NcclComm>(api, handle);
  try {
    while (!comm->settle()) {
      check_lost(board);
      if (api->now() >= deadline) throw TimeoutError(missing_text(store, options));
      api->pause();
    }
  } catch (...) {
    comm->abort();
    throw;
  }
  store.remove(arrival_key(options, options.rank));
  for (int index = 0; index < static_cast<int>(ids.size()); ++index) {
    if (id_maker(index, options.size, static_cast<int>(ids.size())) == options.rank) {
      store.remove(id_key(options, index));
    }
  }
  return comm;
}

}  // namespace

int id_count(int ranks, int ranks_per_id) { return (ranks + ranks_per_id - 1) / ranks_per_id; }

// NCCL hands out blocks of ranks, the first `ranks % ids` of them one rank longer.
int id_maker(int index, int ranks, int ids) { return index * (ranks / ids) + std::min(index, ranks % ids); }

void check_versions(const NcclVersions& versions) {
  const auto text = [](int code) { return message("{}.{}.{}", code / 10000, code / 100 % 100, code % 100); };
  if (versions.loaded >= versions.built && versions.loaded / 10000 == versions.built / 10000) return;
  throw ConfigError(
      message("this build needs NCCL {}, the loaded libnccl.so.2 is {}. Put the library it was built with "
              "first on LD_LIBRARY_PATH (ldd shows which is taken), or build again with the one that is "
              "there",
              text(versions.built), text(versions.loaded)));
}

std::unique_ptr<Communicator> make_nccl_over(const NcclApiPtr& api, Store& store, const NcclOptions& options) {
  check_options(*api, options);
  const int global_rank = options.global_rank < 0 ? options.rank : options.global_rank;
  auto board = std::make_unique<GroupBoard>(store, options.name, options.rank, options.size, global_rank);
  auto comm = connect(api, *board, options);
  return std::make_unique<PostingCommunicator>(
      std::make_unique<NcclTransport>(api, std::move(comm), std::move(board), options, std::vector<int>{}),
      options.name);
}

std::unique_ptr<Communicator> shrink_nccl(Communicator& failed, const std::vector<int>& lost, Timeout timeout) {
  auto* const posting = dynamic_cast<PostingCommunicator*>(&failed);
  auto* const transport = posting == nullptr ? nullptr : dynamic_cast<NcclTransport*>(&posting->transport());
  if (transport == nullptr) {
    throw ConfigError(message("shrink_nccl: '{}' is no communicator of nccl", failed.backend()));
  }
  auto rest = transport->shrink(lost, timeout);
  return rest ? std::make_unique<PostingCommunicator>(std::move(rest)) : nullptr;
}

}  // namespace trireme::collectives
