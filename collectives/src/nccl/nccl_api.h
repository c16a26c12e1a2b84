#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "trireme/collectives/buffer.h"

// The handles of NCCL and CUDA, as nccl.h and cuda_runtime_api.h declare them.
struct ncclComm;
struct CUstream_st;
struct CUevent_st;

namespace trireme::collectives {

using NcclCommHandle = ::ncclComm*;
using NcclWindowHandle = void*;
using CudaStreamHandle = ::CUstream_st*;
using CudaEventHandle = ::CUevent_st*;

// Values of ncclResult_t and cudaError_t that the backend tells apart; any other value is an error.
enum class NcclResult : int { kSuccess = 0, kInvalidUsage = 5, kRemoteError = 6, kInProgress = 7 };
enum class CudaResult : int { kSuccess = 0, kNotReady = 600 };

struct NcclUniqueId {
  std::array<char, 128> bytes{};
};

// What of NCCL the loaded library and the headers it was built with can do.
struct NcclVersions {
  int built = 0;   // NCCL_VERSION_CODE
  int loaded = 0;  // ncclGetVersion()
};

// The calls of NCCL, the CUDA runtime and the clock that the nccl backend makes, so that tests can play failures and
// hangs, and so that all but real_nccl_api.cc compiles and is tested where there is no CUDA. Each does what the C
// function of the same name does and returns what that returns; communicators are non-blocking.
class NcclApi {
 public:
  virtual ~NcclApi() = default;

  virtual NcclResult get_versions(NcclVersions* versions) = 0;
  virtual NcclResult get_unique_id(NcclUniqueId* id) = 0;
  // ncclCommInitRankConfig for one id, ncclCommInitRankScalable for several. `name` is for NCCL's own log.
  virtual NcclResult comm_init(NcclCommHandle* comm, int ranks, int rank, std::span<NcclUniqueId> ids,
                               const std::string& name) = 0;
  // A negative color is NCCL_SPLIT_NOCOLOR.
  virtual NcclResult comm_split(NcclCommHandle comm, int color, int key, NcclCommHandle* part,
                                const std::string& name) = 0;
  // With NCCL_SHRINK_ABORT. kInvalidUsage where this NCCL has none.
  virtual NcclResult comm_shrink(NcclCommHandle comm, std::span<int> excluded, NcclCommHandle* rest,
                                 const std::string& name) = 0;
  // Rank and size within the communicator.
  virtual NcclResult comm_place(NcclCommHandle comm, int* rank, int* size) = 0;
  virtual NcclResult comm_get_async_error(NcclCommHandle comm, NcclResult* error) = 0;
  virtual NcclResult comm_abort(NcclCommHandle comm) = 0;
  // kInvalidUsage where this NCCL has none.
  virtual NcclResult comm_revoke(NcclCommHandle comm) = 0;
  virtual NcclResult comm_destroy(NcclCommHandle comm) = 0;
  virtual const char* get_error_string(NcclResult result) = 0;
  virtual std::string get_last_error(NcclCommHandle comm) = 0;

  virtual NcclResult mem_alloc(void** data, std::size_t bytes) = 0;
  virtual NcclResult mem_free(void* data) = 0;
  virtual NcclResult comm_register(NcclCommHandle comm, void* data, std::size_t bytes, void** handle) = 0;
  virtual NcclResult comm_deregister(NcclCommHandle comm, void* handle) = 0;
  // With NCCL_WIN_COLL_SYMMETRIC; collective. The window is there once the communicator has settled, and null where the
  // machine or this NCCL cannot.
  virtual NcclResult window_register(NcclCommHandle comm, void* data, std::size_t bytes, NcclWindowHandle* window) = 0;
  virtual NcclResult window_deregister(NcclCommHandle comm, NcclWindowHandle window) = 0;

  virtual NcclResult group_start() = 0;
  virtual NcclResult group_end() = 0;
  virtual NcclResult all_reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                                NcclCommHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclResult reduce_scatter(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                                    NcclCommHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclResult reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op, int root,
                            NcclCommHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclResult all_gather(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                                CudaStreamHandle stream) = 0;
  virtual NcclResult broadcast(const void* input, void* output, std::size_t count, Dtype type, int root,
                               NcclCommHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclResult gather(const void* input, void* output, std::size_t count, Dtype type, int root,
                            NcclCommHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclResult scatter(const void* input, void* output, std::size_t count, Dtype type, int root,
                             NcclCommHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclResult all_to_all(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                                CudaStreamHandle stream) = 0;
  virtual NcclResult send(const void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                          CudaStreamHandle stream) = 0;
  virtual NcclResult receive(void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                             CudaStreamHandle stream) = 0;

  virtual CudaResult get_device_count(int* count) = 0;
  virtual CudaResult set_device(int device) = 0;
  // Of the highest priority, and not in step with the default stream.
  virtual CudaResult stream_create(CudaStreamHandle* stream) = 0;
  virtual CudaResult stream_destroy(CudaStreamHandle stream) = 0;
  virtual CudaResult stream_wait_event(CudaStreamHandle stream, CudaEventHandle event) = 0;
  virtual CudaResult event_create(CudaEventHandle* event) = 0;
  virtual CudaResult event_destroy(CudaEventHandle event) = 0;
  virtual CudaResult event_record(CudaEventHandle event, CudaStreamHandle stream) = 0;
  virtual CudaResult event_query(CudaEventHandle event) = 0;
  // In the order of the stream: cudaMallocAsync and cudaFreeAsync.
  virtual CudaResult memory_alloc(void** data, std::size_t bytes, CudaStreamHandle stream) = 0;
  virtual CudaResult memory_free(void* data, CudaStreamHandle stream) = 0;
  virtual CudaResult memory_copy(void* to, const void* from, std::size_t bytes, CudaStreamHandle stream) = 0;
  virtual CudaResult memory_clear(void* data, std::size_t bytes) = 0;
  virtual const char* get_error_string(CudaResult error) = 0;

  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() = 0;
  virtual void pause() = 0;  // between two looks at something that is not done
};

using NcclApiPtr = std::shared_ptr<NcclApi>;  // shared by all that holds a handle, as memory outlives communicators

// Calls NCCL and CUDA. Only in a build that has them.
[[nodiscard]] NcclApiPtr real_nccl_api();

}  // namespace trireme::collectives
