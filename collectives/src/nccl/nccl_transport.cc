#include "nccl_transport.h"

#include <algorithm>
#include <utility>

#include "../posting_communicator.h"
#include "nccl_bootstrap.h"
#include "nccl_task.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

NcclTransport::NcclTransport(NcclApiPtr api, Store& store, NcclComm comm, int device, int rank,
                             std::vector<int> members)
    : api_(std::move(api)),
      store_(store),
      device_(device),
      rank_(rank),
      members_(std::move(members)),
      stream_(api_, device),
      comm_(std::move(comm)) {}

std::unique_ptr<Task> NcclTransport::start(const Operation& operation) {
  check_cuda(*api_, api_->set_device(device_), "cudaSetDevice");
  last_ = operation.signature;
  auto task = std::make_unique<NcclTask>(*this, operation);
  if (is_point_to_point(operation.signature.kind)) {
    messages_.push_back(task.get());
    return task;
  }
  start_messages();
  task->give_to_nccl();
  settle(operation.timeout);
  task->mark_end();
  return task;
}

void NcclTransport::start_messages() {
  if (messages_.empty()) return;
  const auto messages = std::exchange(messages_, {});
  check_nccl(*api_, api_->group_start(), "ncclGroupStart");
  for (auto* task : messages) task->give_to_nccl();
  check_nccl(*api_, api_->group_end(), "ncclGroupEnd");
  settle(messages.front()->operation().timeout);
  for (auto* task : messages) task->mark_end();
}

void NcclTransport::forget(NcclTask* task) noexcept { std::erase(messages_, task); }

void NcclTransport::settle(Timeout timeout) {
  const auto deadline = now() + timeout;
  while (!comm_.settle()) {
    check_peers();
    if (now() >= deadline) {
      throw TimeoutError(
          message("NCCL did not start {} on rank {}/{} within {} ms", describe(last_), rank_, size(), timeout.count()));
    }
    api_->pause();
  }
}

bool NcclTransport::can_reach(const Device& device) const noexcept {
  return device.kind == Device::Kind::kCpu || device.index == device_;
}

void NcclTransport::check_peers() {
  abort_.check();
  (void)comm_.settle();
  const auto generation = store_.lost_generation();
  if (generation == seen_generation_) return;
  for (const auto& lost : store_.lost()) {
    if (std::ranges::find(members_, lost.rank) == members_.end()) continue;
    throw PeerLostError(lost.rank, message("rank {} on node {} is lost: {}; rank {}/{} is in {}", lost.rank, lost.node,
                                           lost.cause, rank_, size(), describe(last_)));
  }
  seen_generation_ = generation;
}

std::string NcclTransport::standing(int rank) const {
  if (rank != rank_) return "is not known to this rank: NCCL does not tell";
  return message("has posted {} ({} bytes)", describe(last_), last_.bytes());
}

void NcclTransport::sleep(const std::function<bool()>& moved) {
  if (!moved()) api_->pause();
}

void NcclTransport::announce(const Failure&) noexcept { comm_.abort(); }

MemoryPtr NcclTransport::allocate(std::size_t bytes) { return std::make_shared<NcclMemory>(api_, bytes); }

std::unique_ptr<Transport> NcclTransport::split(const Subgroup& subgroup) {
  auto config = nccl_config();
  ncclComm_t raw = nullptr;
  const int color = subgroup.color < 0 ? NCCL_SPLIT_NOCOLOR : subgroup.color;
  check_nccl(*api_, api_->comm_split(comm_.get(), color, subgroup.rank, &raw, &config), "ncclCommSplit");
  settle(kDefaultTimeout);
  if (subgroup.color < 0) return nullptr;
  std::vector<int> members;
  for (int member : subgroup.members) members.push_back(members_[static_cast<std::size_t>(member)]);
  auto part = std::make_unique<NcclTransport>(api_, store_, NcclComm(api_, raw), device_, subgroup.rank, members);
  part->settle(kDefaultTimeout);
  return part;
}

std::unique_ptr<Communicator> make_nccl_over(NcclApiPtr api, Store& store, const NcclOptions& options) {
  if (options.size < 1 || options.rank < 0 || options.rank >= options.size) {
    throw ConfigError(message("nccl group '{}': rank {} of {} is no rank", options.name, options.rank, options.size));
  }
  auto comm = form_nccl_comm(api, store, options);
  std::vector<int> members;
  for (int rank = 0; rank < options.size; ++rank) members.push_back(rank);
  return std::make_unique<PostingCommunicator>(
      std::make_unique<NcclTransport>(std::move(api), store, std::move(comm), options.device, options.rank, members));
}

bool has_nccl() noexcept { return true; }

std::unique_ptr<Communicator> make_nccl(Store& store, const NcclOptions& options) {
  return make_nccl_over(real_nccl_api(), store, options);
}

}  // namespace trireme::collectives
