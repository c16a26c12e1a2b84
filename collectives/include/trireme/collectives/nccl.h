#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// True when this build has NCCL.
[[nodiscard]] bool has_nccl() noexcept;

// Which calls ranks compare over the store before their data is mixed.
enum class NcclAgreement : std::uint8_t {
  kOff,    // none: ranks that disagree hang or mix their data, as NCCL does
  kNew,    // those of a kind (op, count, dtype, root, place) that the rank has not made before
  kEvery,  // all: for finding a disagreement; each waits for a round trip to the store
};

struct NcclOptions {
  int rank = 0;
  int size = 1;
  int device = 0;  // CUDA device index of this process
  // Unique within the store, also against groups that failed.
  std::string name = "world";
  Timeout timeout = kDefaultTimeout;  // for forming the group, its subgroups and its memory
  // The rank by which the store knows this process, for reports of lost peers; -1: the same as `rank`.
  int global_rank = -1;
  // A world is formed through one unique id for every so many ranks.
  int ranks_per_id = 128;
  // How often a thread of ours looks for operations past their timeout, errors and lost ranks while the host waits for
  // nothing; 0: no thread, and only waits look. Below 2 s, or lost ranks are told too late.
  std::chrono::milliseconds watchdog_period{100};
  NcclAgreement agreement = NcclAgreement::kNew;
  // All calls are compared after the fact every so many collectives; 0: only when something takes too long.
  std::uint64_t hash_every = 256;
  // allocate() gives memory that NCCL's symmetric kernels take (sums only, no averages): every rank must then pass the
  // same part of it. False: registered on each rank alone.
  bool symmetric_windows = true;
};

// GPU ranks over NCCL; `store` (not owned, must outlive the communicator) carries the unique ids, and tells ranks of
// lost peers, failures and disagreements. Throws ConfigError saying what to install when built without NCCL, when the
// loaded NCCL is older than the one built with, or when there is no such GPU; TimeoutError naming the ranks that did
// not arrive.
[[nodiscard]] std::unique_ptr<Communicator> make_nccl(Store& store, const NcclOptions& options);

// Collective over the ranks of `failed` that are not in `lost` (ranks of the group): a new communicator of them, in the
// same order, without connecting anew. `failed` must have failed on all of them, and may be destroyed afterwards. Null
// where this NCCL cannot shrink (before 2.27) or had to abort: then make_nccl() forms one under a new name.
[[nodiscard]] std::unique_ptr<Communicator> shrink_nccl(Communicator& failed, const std::vector<int>& lost,
                                                        Timeout timeout = kDefaultTimeout);

}  // namespace trireme::collectives
