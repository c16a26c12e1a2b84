#pragma once

#include <memory>
#include <utility>

#include "nccl_api.h"
#include "trireme/collectives/communicator.h"

// What the nccl backend owns of NCCL and CUDA, and their errors as exceptions.
namespace trireme::collectives {

using NcclApiPtr = std::shared_ptr<NcclApi>;  // shared by everything below, as memory outlives communicators

// Throw CommError with the library's own text. ncclInProgress is no error: see NcclComm::settle().
void check_nccl(NcclApi& api, ncclResult_t result, const char* call);
void check_cuda(NcclApi& api, cudaError_t error, const char* call);

// A point in a stream that can be asked for and waited for.
class CudaEvent {
 public:
  explicit CudaEvent(NcclApiPtr api);
  ~CudaEvent() { (void)api_->event_destroy(event_); }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  void record(cudaStream_t stream) { check_cuda(*api_, api_->event_record(event_, stream), "cudaEventRecord"); }
  // Makes `stream` wait for the point.
  void hold(cudaStream_t stream) { check_cuda(*api_, api_->stream_wait_event(stream, event_), "cudaStreamWaitEvent"); }
  [[nodiscard]] bool has_passed();

 private:
  const NcclApiPtr api_;
  cudaEvent_t event_ = nullptr;
};

class CudaStream {
 public:
  CudaStream(NcclApiPtr api, int device);
  ~CudaStream() { (void)api_->stream_destroy(stream_); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  [[nodiscard]] cudaStream_t get() const noexcept { return stream_; }

 private:
  const NcclApiPtr api_;
  cudaStream_t stream_ = nullptr;
};

// Zeroed device memory that NCCL can register.
class NcclMemory final : public Memory {
 public:
  NcclMemory(NcclApiPtr api, std::size_t bytes);
  ~NcclMemory() override { (void)api_->mem_free(data_); }
  NcclMemory(const NcclMemory&) = delete;
  NcclMemory& operator=(const NcclMemory&) = delete;
  [[nodiscard]] void* data() const noexcept override { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return bytes_; }

 private:
  const NcclApiPtr api_;
  const std::size_t bytes_;
  void* data_ = nullptr;
};

// A non-blocking communicator. Destroyed if it is whole, which NCCL wants all ranks of a node to do; aborted if not.
class NcclComm {
 public:
  NcclComm(NcclApiPtr api, ncclComm_t comm) : api_(std::move(api)), comm_(comm) {}
  ~NcclComm();
  NcclComm(NcclComm&& other) noexcept : api_(other.api_), comm_(std::exchange(other.comm_, nullptr)) {}
  NcclComm& operator=(NcclComm&&) = delete;
  NcclComm(const NcclComm&) = delete;
  NcclComm& operator=(const NcclComm&) = delete;

  [[nodiscard]] ncclComm_t get() const noexcept { return comm_; }
  // Ends operations under way on this rank; peers find out through their own timeouts or the store.
  void abort() noexcept;
  // True once NCCL has done what was last asked of it; throws CommError when that or anything under way failed.
  [[nodiscard]] bool settle();

 private:
  const NcclApiPtr api_;
  ncclComm_t comm_;
};

}  // namespace trireme::collectives
