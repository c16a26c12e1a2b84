#include "nccl_handles.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

void check_nccl(NcclApi& api, NcclResult result, const char* call, NcclCommHandle comm) {
  if (result == NcclResult::kSuccess || result == NcclResult::kInProgress) return;
  const auto detail = api.get_last_error(comm);
  throw CommError(message("{} failed: {}{}{}. NCCL_DEBUG=INFO shows why", call, api.get_error_string(result),
                          detail.empty() ? "" : ": ", detail));
}

void check_cuda(NcclApi& api, CudaResult error, const char* call) {
  if (error == CudaResult::kSuccess) return;
  throw CommError(message("{} failed: {}", call, api.get_error_string(error)));
}

CudaEvents::~CudaEvents() {
  for (auto* event : free_) (void)api_->event_destroy(event);
}

CudaEventHandle CudaEvents::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto* event = free_.back();
      free_.pop_back();
      return event;
    }
  }
  CudaEventHandle event = nullptr;
  check_cuda(*api_, api_->event_create(&event), "cudaEventCreate");
  return event;
}

void CudaEvents::give_back(CudaEventHandle event) noexcept {
  const std::lock_guard lock(mutex_);
  free_.push_back(event);
}

void CudaEvent::record(CudaStreamHandle stream) {
  check_cuda(events_->api(), events_->api().event_record(event_, stream), "cudaEventRecord");
}

void CudaEvent::hold(CudaStreamHandle stream) {
  check_cuda(events_->api(), events_->api().stream_wait_event(stream, event_), "cudaStreamWaitEvent");
}

bool CudaEvent::has_passed() {
  const auto state = events_->api().event_query(event_);
  if (state == CudaResult::kNotReady) return false;
  check_cuda(events_->api(), state, "cudaEventQuery");
  return true;
}

CudaStream::CudaStream(NcclApiPtr api, int device) : api_(std::move(api)) {
  check_cuda(*api_, api_->set_device(device), "cudaSetDevice");
  check_cuda(*api_, api_->stream_create(&stream_), "cudaStreamCreate");
}

StagedMemory::StagedMemory(NcclApiPtr api, CudaStreamHandle stream, std::size_t bytes)
    : api_(std::move(api)), stream_(stream) {
  check_cuda(*api_, api_->memory_alloc(&data_, bytes, stream), "cudaMallocAsync");
}

NcclComm::~NcclComm() {
  if (comm_ == nullptr) return;
  (void)(is_stopped_ ? api_->comm_abort(comm_) : api_->comm_destroy(comm_));
}

void NcclComm::check_running() const {
  if (is_stopped_) throw CommError("NCCL's communicator is stopped");
}

bool NcclComm::settle() {
  const std::lock_guard lock(mutex_);
  check_running();
  auto state = NcclResult::kSuccess;
  check_nccl(*api_, api_->comm_get_async_error(comm_, &state), "ncclCommGetAsyncError", comm_);
  check_nccl(*api_, state, "an operation of NCCL", comm_);
  return state != NcclResult::kInProgress;
}

void NcclComm::stop() noexcept {
  const std::lock_guard lock(mutex_);
  if (is_stopped_) return;
  is_stopped_ = true;
  const auto revoked = api_->comm_revoke(comm_);
  if (revoked == NcclResult::kSuccess || revoked == NcclResult::kInProgress) return;
  (void)api_->comm_abort(std::exchange(comm_, nullptr));
}

NcclCommHandle* NcclComm::make_slot() {
  const std::lock_guard lock(mutex_);
  return &slots_.emplace_back(nullptr);
}

void NcclComm::abort() noexcept {
  const std::lock_guard lock(mutex_);
  is_stopped_ = true;
  if (comm_ != nullptr) (void)api_->comm_abort(std::exchange(comm_, nullptr));
}

bool NcclComm::shrink(std::vector<int> excluded, NcclCommHandle* rest, const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) return false;
  const auto result = api_->comm_shrink(comm_, excluded, rest, name);
  if (result == NcclResult::kInvalidUsage) return false;
  check_nccl(*api_, result, "ncclCommShrink", comm_);
  return true;
}

bool NcclComm::is_quiet() {
  const std::lock_guard lock(mutex_);
  auto state = NcclResult::kSuccess;
  return comm_ == nullptr || api_->comm_get_async_error(comm_, &state) != NcclResult::kSuccess ||
         state != NcclResult::kInProgress;
}

}  // namespace trireme::collectives
