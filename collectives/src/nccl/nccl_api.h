#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <chrono>
#include <memory>

namespace trireme::collectives {

// The calls of NCCL, the CUDA runtime and the clock that the nccl backend makes, so that tests can play failures and
// hangs. Each does what the C function of the same name does and returns what that returns.
class NcclApi {
 public:
  virtual ~NcclApi() = default;

  virtual ncclResult_t get_unique_id(ncclUniqueId* id) = 0;
  virtual ncclResult_t comm_init_rank_config(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank,
                                             ncclConfig_t* config) = 0;
  virtual ncclResult_t comm_split(ncclComm_t comm, int color, int key, ncclComm_t* part, ncclConfig_t* config) = 0;
  virtual ncclResult_t comm_get_async_error(ncclComm_t comm, ncclResult_t* error) = 0;
  virtual ncclResult_t comm_abort(ncclComm_t comm) = 0;
  virtual ncclResult_t comm_destroy(ncclComm_t comm) = 0;
  virtual ncclResult_t mem_alloc(void** data, std::size_t bytes) = 0;
  virtual ncclResult_t mem_free(void* data) = 0;
  virtual const char* get_error_string(ncclResult_t result) = 0;

  virtual ncclResult_t group_start() = 0;
  virtual ncclResult_t group_end() = 0;
  virtual ncclResult_t all_reduce(const void* input, void* output, std::size_t count, ncclDataType_t type,
                                  ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) = 0;
  virtual ncclResult_t reduce_scatter(const void* input, void* output, std::size_t count, ncclDataType_t type,
                                      ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) = 0;
  virtual ncclResult_t reduce(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                              int root, ncclComm_t comm, cudaStream_t stream) = 0;
  virtual ncclResult_t all_gather(const void* input, void* output, std::size_t count, ncclDataType_t type,
                                  ncclComm_t comm, cudaStream_t stream) = 0;
  virtual ncclResult_t broadcast(const void* input, void* output, std::size_t count, ncclDataType_t type, int root,
                                 ncclComm_t comm, cudaStream_t stream) = 0;
  virtual ncclResult_t gather(const void* input, void* output, std::size_t count, ncclDataType_t type, int root,
                              ncclComm_t comm, cudaStream_t stream) = 0;
  virtual ncclResult_t scatter(const void* input, void* output, std::size_t count, ncclDataType_t type, int root,
                               ncclComm_t comm, cudaStream_t stream) = 0;
  virtual ncclResult_t all_to_all(const void* input, void* output, std::size_t count, ncclDataType_t type,
                                  ncclComm_t comm, cudaStream_t stream) = 0;
  virtual ncclResult_t send(const void* data, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                            cudaStream_t stream) = 0;
  virtual ncclResult_t receive(void* data, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                               cudaStream_t stream) = 0;

  virtual cudaError_t set_device(int device) = 0;
  virtual cudaError_t stream_create(cudaStream_t* stream) = 0;
  virtual cudaError_t stream_destroy(cudaStream_t stream) = 0;
  virtual cudaError_t stream_wait_event(cudaStream_t stream, cudaEvent_t event) = 0;
  virtual cudaError_t event_create(cudaEvent_t* event) = 0;
  virtual cudaError_t event_destroy(cudaEvent_t event) = 0;
  virtual cudaError_t event_record(cudaEvent_t event, cudaStream_t stream) = 0;
  virtual cudaError_t event_query(cudaEvent_t event) = 0;
  virtual cudaError_t memory_copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream) = 0;
  virtual cudaError_t memory_clear(void* data, std::size_t bytes) = 0;
  virtual const char* get_error_string(cudaError_t error) = 0;

  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() = 0;
  virtual void pause() = 0;  // between two looks at something that is not done
};

// Calls NCCL and CUDA.
[[nodiscard]] std::shared_ptr<NcclApi> real_nccl_api();

}  // namespace trireme::collectives
