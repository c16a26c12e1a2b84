#include "nccl_handles.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

void check_nccl(NcclApi& api, ncclResult_t result, const char* call) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  throw CommError(message("{} failed: {}. NCCL_DEBUG=INFO shows why", call, api.get_error_string(result)));
}

void check_cuda(NcclApi& api, cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  throw CommError(message("{} failed: {}", call, api.get_error_string(error)));
}

CudaEvent::CudaEvent(NcclApiPtr api) : api_(std::move(api)) {
  check_cuda(*api_, api_->event_create(&event_), "cudaEventCreate");
}

bool CudaEvent::has_passed() {
  const auto state = api_->event_query(event_);
  if (state == cudaErrorNotReady) return false;
  check_cuda(*api_, state, "cudaEventQuery");
  return true;
}

CudaStream::CudaStream(NcclApiPtr api, int device) : api_(std::move(api)) {
  check_cuda(*api_, api_->set_device(device), "cudaSetDevice");
  check_cuda(*api_, api_->stream_create(&stream_), "cudaStreamCreate");
}

NcclMemory::NcclMemory(NcclApiPtr api, std::size_t bytes) : api_(std::move(api)), bytes_(bytes) {
  check_nccl(*api_, api_->mem_alloc(&data_, bytes), "ncclMemAlloc");
  if (const auto error = api_->memory_clear(data_, bytes); error != cudaSuccess) {
    (void)api_->mem_free(data_);
    check_cuda(*api_, error, "cudaMemset");
  }
}

NcclComm::~NcclComm() {
  if (comm_ != nullptr) (void)api_->comm_destroy(comm_);
}

void NcclComm::abort() noexcept {
  if (comm_ != nullptr) (void)api_->comm_abort(std::exchange(comm_, nullptr));
}

bool NcclComm::settle() {
  ncclResult_t state = ncclSuccess;
  check_nccl(*api_, api_->comm_get_async_error(comm_, &state), "ncclCommGetAsyncError");
  check_nccl(*api_, state, "an operation of NCCL");
  return state != ncclInProgress;
}

}  // namespace trireme::collectives
