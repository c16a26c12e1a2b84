#include <thread>

#include "nccl_api.h"

namespace trireme::collectives {
namespace {

class RealNcclApi final : public NcclApi {
 public:
  ncclResult_t get_unique_id(ncclUniqueId* id) override { return ncclGetUniqueId(id); }
  ncclResult_t comm_init_rank_config(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank,
                                     ncclConfig_t* config) override {
    return ncclCommInitRankConfig(comm, ranks, id, rank, config);
  }
  ncclResult_t comm_split(ncclComm_t comm, int color, int key, ncclComm_t* part, ncclConfig_t* config) override {
    return ncclCommSplit(comm, color, key, part, config);
  }
  ncclResult_t comm_get_async_error(ncclComm_t comm, ncclResult_t* error) override {
    return ncclCommGetAsyncError(comm, error);
  }
  ncclResult_t comm_abort(ncclComm_t comm) override { return ncclCommAbort(comm); }
  ncclResult_t comm_destroy(ncclComm_t comm) override { return ncclCommDestroy(comm); }
  ncclResult_t mem_alloc(void** data, std::size_t bytes) override { return ncclMemAlloc(data, bytes); }
  ncclResult_t mem_free(void* data) override { return ncclMemFree(data); }
  const char* get_error_string(ncclResult_t result) override { return ncclGetErrorString(result); }

  ncclResult_t group_start() override { return ncclGroupStart(); }
  ncclResult_t group_end() override { return ncclGroupEnd(); }
  ncclResult_t all_reduce(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                          ncclComm_t comm, cudaStream_t stream) override {
    return ncclAllReduce(input, output, count, type, op, comm, stream);
  }
  ncclResult_t reduce_scatter(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                              ncclComm_t comm, cudaStream_t stream) override {
    return ncclReduceScatter(input, output, count, type, op, comm, stream);
  }
  ncclResult_t reduce(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclRedOp_t op, int root,
                      ncclComm_t comm, cudaStream_t stream) override {
    return ncclReduce(input, output, count, type, op, root, comm, stream);
  }
  ncclResult_t all_gather(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclComm_t comm,
                          cudaStream_t stream) override {
    return ncclAllGather(input, output, count, type, comm, stream);
  }
  ncclResult_t broadcast(const void* input, void* output, std::size_t count, ncclDataType_t type, int root,
                         ncclComm_t comm, cudaStream_t stream) override {
    return ncclBroadcast(input, output, count, type, root, comm, stream);
  }
  ncclResult_t gather(const void* input, void* output, std::size_t count, ncclDataType_t type, int root,
                      ncclComm_t comm, cudaStream_t stream) override {
    return ncclGather(input, output, count, type, root, comm, stream);
  }
  ncclResult_t scatter(const void* input, void* output, std::size_t count, ncclDataType_t type, int root,
                       ncclComm_t comm, cudaStream_t stream) override {
    return ncclScatter(input, output, count, type, root, comm, stream);
  }
  ncclResult_t all_to_all(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclComm_t comm,
                          cudaStream_t stream) override {
    return ncclAlltoAll(input, output, count, type, comm, stream);
  }
  ncclResult_t send(const void* data, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                    cudaStream_t stream) override {
    return ncclSend(data, count, type, peer, comm, stream);
  }
  ncclResult_t receive(void* data, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                       cudaStream_t stream) override {
    return ncclRecv(data, count, type, peer, comm, stream);
  }

  cudaError_t set_device(int device) override { return cudaSetDevice(device); }
  cudaError_t stream_create(cudaStream_t* stream) override {
    return cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
  }
  cudaError_t stream_destroy(cudaStream_t stream) override { return cudaStreamDestroy(stream); }
  cudaError_t stream_wait_event(cudaStream_t stream, cudaEvent_t event) override {
    return cudaStreamWaitEvent(stream, event, 0);
  }
  cudaError_t event_create(cudaEvent_t* event) override {
    return cudaEventCreateWithFlags(event, cudaEventDisableTiming);
  }
  cudaError_t event_destroy(cudaEvent_t event) override { return cudaEventDestroy(event); }
  cudaError_t event_record(cudaEvent_t event, cudaStream_t stream) override { return cudaEventRecord(event, stream); }
  cudaError_t event_query(cudaEvent_t event) override { return cudaEventQuery(event); }
  cudaError_t memory_copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream) override {
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
  }
  cudaError_t memory_clear(void* data, std::size_t bytes) override { return cudaMemset(data, 0, bytes); }
  const char* get_error_string(cudaError_t error) override { return cudaGetErrorString(error); }

  [[nodiscard]] std::chrono::steady_clock::time_point now() override { return std::chrono::steady_clock::now(); }
  void pause() override { std::this_thread::sleep_for(std::chrono::microseconds(20)); }
};

}  // namespace

std::shared_ptr<NcclApi> real_nccl_api() { return std::make_shared<RealNcclApi>(); }

}  // namespace trireme::collectives
