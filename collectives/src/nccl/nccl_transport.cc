#include "nccl_transport.h"

#include <algorithm>
#include <utility>

#include "nccl_task.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr std::size_t kScratchBytes = 16;

// What the memory of a whole buffer and of one rank's block of it must have in common on all ranks: the place of the
// whole, and the window of the block, which in place lies elsewhere on every rank.
constexpr std::uint64_t window_of(std::uint64_t place) { return place >> 48 << 48; }

}  // namespace

NcclTransport::NcclTransport(NcclApiPtr api, std::shared_ptr<NcclComm> comm, std::unique_ptr<GroupBoard> board,
                             const NcclOptions& options, std::vector<int> members)
    : api_(std::move(api)),
      comm_(std::move(comm)),
      options_(options),
      rank_(board->rank()),
      size_(board->size()),
      members_(std::move(members)),
      stream_(api_, options.device),
      copies_(api_, options.device),
      events_(std::make_shared<CudaEvents>(api_)),
      scratch_(api_, stream_.get(), kScratchBytes),
      windows_(std::make_shared<NcclWindows>(api_, comm_, options.device, options.symmetric_windows)),
      watch_(api_, comm_, std::move(board), options.hash_every),
      agreements_(watch_.board(), options.agreement) {
  if (options.watchdog_period <= std::chrono::milliseconds(0)) return;
  const auto look = [this, has_device = false]() mutable {
    if (!std::exchange(has_device, true)) (void)api_->set_device(options_.device);
    watch_.look();
  };
  watchdog_.emplace(look, options.watchdog_period);
}

NcclTransport::~NcclTransport() {
  watch_.close();
  watchdog_.reset();
  windows_->close();
}

bool NcclTransport::can_reach(const Device& device) const noexcept {
  return device.kind == Device::Kind::kCpu || device.index == options_.device;
}

Call NcclTransport::call_of(const Operation& operation) const {
  const auto& [signature, input, output, tag, timeout, stream] = operation;
  Call call{.signature = signature};
  const auto place = [&](const Buffer& buffer) {
    return buffer.device.kind == Device::Kind::kCpu ? 0 : windows_->place(buffer.data, buffer.bytes());
  };
  switch (signature.kind) {
    case OpKind::kSend:
      call.source = rank_;
      call.target = signature.root;
      break;
    case OpKind::kReceive:
      call.source = signature.root;
      call.target = rank_;
      break;
    case OpKind::kAllReduce:
    case OpKind::kAllToAll:
    case OpKind::kBroadcast:
      call.input_place = place(input);
      call.output_place = place(output);
      break;
    case OpKind::kReduceScatter:
      call.input_place = place(input);
      call.output_place = window_of(place(output));
      break;
    case OpKind::kAllGather:
      call.input_place = window_of(place(input));
      call.output_place = place(output);
      break;
    default:
      break;
  }
  return call;
}

std::unique_ptr<Task> NcclTransport::start(const Operation& operation) {
  watch_.throw_if_failed();
  check_cuda(*api_, api_->set_device(options_.device), "cudaSetDevice");
  const auto call = call_of(operation);
  watch_.note(call);
  auto task = std::make_unique<NcclTask>(*this, operation, call);
  const bool starts_alone = open_groups_ == 0 && !call.is_message();
  if (starts_alone) close_batch();
  open_.push_back(task.get());
  if (starts_alone) push();
  return task;
}

void NcclTransport::end_group() {
  if (--open_groups_ == 0) push();
}

void NcclTransport::push() {
  close_batch();
  progress();
}

void NcclTransport::close_batch() {
  if (!open_.empty()) waiting_.push_back(std::exchange(open_, {}));
}

bool NcclTransport::have_agreed(const Batch& batch) {
  bool all = true;
  for (auto* task : batch) {
    if (agreements_.is_settled(task->question(), api_->now())) continue;
    all = false;
    watch_.suspect(task->question().since);
  }
  return all;
}

// Whether something in it reads or writes host memory that an operation before it has yet to fill.
bool NcclTransport::awaits_host_memory(const Batch& batch) const {
  return std::ranges::any_of(batch, [&](const NcclTask* later) {
    return std::ranges::any_of(copying_, [&](const NcclTask* earlier) {
      const auto& result = earlier->operation().output;
      return overlap(result, later->operation().input) || overlap(result, later->operation().output);
    });
  });
}

void NcclTransport::progress() {
  watch_.throw_if_failed();
  try {
    std::erase_if(copying_, [](NcclTask* task) { return task->is_copied_out(); });
    while (!launching_.empty() || !waiting_.empty()) {
      if (!launching_.empty()) {
        if (!comm_->settle()) return;
        for (auto* task : std::exchange(launching_, {})) task->mark_end();
        continue;
      }
      if (!have_agreed(waiting_.front()) || awaits_host_memory(waiting_.front())) return;
      auto batch = std::move(waiting_.front());
      waiting_.pop_front();
      launch(std::move(batch));
    }
  } catch (const CommError&) {
    watch_.await_cause();  // a peer died; or the watchdog stopped the communicator meanwhile, and knows why
    throw;
  }
}

void NcclTransport::launch(Batch batch) {
  check_cuda(*api_, api_->set_device(options_.device), "cudaSetDevice");
  for (auto* task : batch) {
    task->prepare();
    if (task->has_host_output()) copying_.push_back(task);
  }
  comm_->use([&](NcclCommHandle comm) {
    const bool is_group = batch.size() > 1;
    if (is_group) check_nccl(*api_, api_->group_start(), "ncclGroupStart", comm);
    try {
      for (auto* task : batch) task->give_to_nccl(comm);
    } catch (...) {
      if (is_group) (void)api_->group_end();  // groups are counted per thread
      throw;
    }
    if (is_group) check_nccl(*api_, api_->group_end(), "ncclGroupEnd", comm);
  });
  launching_ = std::move(batch);
}

void NcclTransport::wait_until_started(NcclTask& task) {
  const auto& operation = task.operation();
  const auto deadline = api_->now() + operation.timeout;
  for (push(); !task.has_started(); progress()) {
    watch_.check();
    if (api_->now() >= deadline) {
      watch_.examine();
      throw TimeoutError(
          message("{} on rank {}/{} of nccl did not start within {} ms: NCCL did not take it, or ranks "
                  "did not come to call it",
                  describe(operation.signature), rank_, size_, operation.timeout.count()));
    }
    api_->pause();
  }
}

void NcclTransport::forget(NcclTask* task) noexcept {
  std::erase(open_, task);
  std::erase(launching_, task);
  std::erase(copying_, task);
  for (auto& batch : waiting_) std::erase(batch, task);
  std::erase_if(waiting_, [](const Batch& batch) { return batch.empty(); });
}

void NcclTransport::sleep(const std::function<bool()>& moved) {
  if (!moved()) api_->pause();
}

void NcclTransport::settle(const char* what, Timeout timeout) {
  const auto deadline = api_->now() + timeout;
  while (!comm_->settle()) {
    watch_.check();
    if (api_->now() >= deadline) {
      watch_.examine();
      throw TimeoutError(message("{} on rank {}/{} of nccl did not end within {} ms: some rank did not call it", what,
                                 rank_, size_, timeout.count()));
    }
    api_->pause();
  }
}

MemoryPtr NcclTransport::allocate(std::size_t bytes) {
  check_cuda(*api_, api_->set_device(options_.device), "cudaSetDevice");
  return windows_->allocate(bytes, [this] { settle("registering memory", options_.timeout); });
}

// NCCL exchanges colors and keys itself.
std::unique_ptr<Transport> NcclTransport::split(const Subgroup& subgroup) {
  for (push(); !waiting_.empty() || !launching_.empty(); progress()) {
    watch_.check();
    api_->pause();
  }
  const auto name = message("{}/{}.{}", watch_.board().name(), parts_++, std::max(subgroup.color, -1));
  auto* const part = comm_->make_slot();
  comm_->use([&](NcclCommHandle comm) {
    check_nccl(*api_, api_->comm_split(comm, subgroup.color, subgroup.key, part, name), "ncclCommSplit", comm);
  });
  settle("split", options_.timeout);
  return *part == nullptr ? nullptr : adopt(*part, name, options_.timeout);
}

std::unique_ptr<Transport> NcclTransport::shrink(std::vector<int> lost, Timeout timeout) {
  if (!watch_.has_failed()) throw ConfigError("shrink_nccl: the communicator has not failed; use split()");
  std::ranges::sort(lost);
  if (std::ranges::binary_search(lost, rank_) || lost.empty() || lost.front() < 0 || lost.back() >= size_) {
    throw ConfigError(
        message("shrink_nccl on rank {}/{}: the lost ranks must be other ranks of the group", rank_, size_));
  }
  const auto name = message("{}/{}.rest", watch_.board().name(), parts_++);
  const auto deadline = api_->now() + timeout;
  const auto wait_for_quiet = [&] {
    while (!comm_->is_quiet()) {
      if (api_->now() >= deadline) {
        throw TimeoutError(
            message("shrink_nccl on rank {}/{} did not end within {} ms: a rank that is not among the "
                    "lost did not call it",
                    rank_, size_, timeout.count()));
      }
      api_->pause();
    }
  };
  wait_for_quiet();
  auto* const rest = comm_->make_slot();
  if (!comm_->shrink(lost, rest, name)) return nullptr;
  wait_for_quiet();
  return adopt(*rest, name, timeout);
}

std::unique_ptr<Transport> NcclTransport::adopt(NcclCommHandle handle, const std::string& name, Timeout timeout) {
  auto comm = std::make_shared<NcclComm>(api_, handle);
  const auto deadline = api_->now() + timeout;
  try {
    while (!comm->settle()) {
      if (api_->now() >= deadline)
        throw TimeoutError(message("nccl group '{}' did not form within {} ms", name, timeout.count()));
      api_->pause();
    }
    int rank = 0;
    int size = 0;
    comm->use([&](NcclCommHandle part) {
      check_nccl(*api_, api_->comm_place(part, &rank, &size), "ncclCommUserRank", part);
    });
    auto board = std::make_unique<GroupBoard>(watch_.board().store(), name, rank, size, watch_.board().global_rank());
    auto members = board->gather(options_.rank, timeout);
    return std::make_unique<NcclTransport>(api_, comm, std::move(board), options_, std::move(members));
  } catch (...) {
    comm->abort();
    throw;
  }
}

}  // namespace trireme::collectives
