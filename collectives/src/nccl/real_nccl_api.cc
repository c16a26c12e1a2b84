#include <cuda_runtime_api.h>
#include <nccl.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "nccl_api.h"

// What older NCCLs lack is left out by the macros that came with it, or by version where none did. The oldest that
// compiles is 2.22; 2.28 has everything.
namespace trireme::collectives {
namespace {

static_assert(sizeof(NcclUniqueId) == sizeof(ncclUniqueId) && alignof(NcclUniqueId) == alignof(ncclUniqueId));
static_assert(static_cast<int>(NcclResult::kInvalidUsage) == ncclInvalidUsage);
static_assert(static_cast<int>(NcclResult::kRemoteError) == ncclRemoteError);
static_assert(static_cast<int>(NcclResult::kInProgress) == ncclInProgress);
static_assert(static_cast<int>(CudaResult::kNotReady) == cudaErrorNotReady);

NcclResult result_of(ncclResult_t result) { return static_cast<NcclResult>(result); }
CudaResult result_of(cudaError_t error) { return static_cast<CudaResult>(error); }

ncclDataType_t type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kUint8:
      return ncclUint8;
    case Dtype::kInt32:
      return ncclInt32;
    case Dtype::kInt64:
      return ncclInt64;
    case Dtype::kFloat16:
      return ncclFloat16;
    case Dtype::kBfloat16:
      return ncclBfloat16;
    case Dtype::kFloat32:
      return ncclFloat32;
    case Dtype::kFloat64:
      break;
  }
  return ncclFloat64;
}

ncclRedOp_t op_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return ncclSum;
    case ReduceOp::kAverage:
      return ncclAvg;
    case ReduceOp::kMin:
      return ncclMin;
    case ReduceOp::kMax:
      return ncclMax;
    case ReduceOp::kProduct:
      break;
  }
  return ncclProd;
}

// Every call returns at once and is asked about later, so that none can hang.
ncclConfig_t config_named([[maybe_unused]] const std::string& name) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 27, 0)
  config.commName = name.c_str();
#endif
  return config;
}

class RealNcclApi final : public NcclApi {
 public:
  NcclResult get_versions(NcclVersions* versions) override {
    versions->built = NCCL_VERSION_CODE;
    return result_of(ncclGetVersion(&versions->loaded));
  }
  NcclResult get_unique_id(NcclUniqueId* id) override {
    return result_of(ncclGetUniqueId(reinterpret_cast<ncclUniqueId*>(id)));
  }
  NcclResult comm_init(NcclCommHandle* comm, int ranks, int rank, std::span<NcclUniqueId> ids,
                       const std::string& name) override {
    auto config = config_named(name);
    auto* nccl_ids = reinterpret_cast<ncclUniqueId*>(ids.data());
    if (ids.size() == 1) return result_of(ncclCommInitRankConfig(comm, ranks, *nccl_ids, rank, &config));
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 23, 0)
    return result_of(ncclCommInitRankScalable(comm, ranks, rank, static_cast<int>(ids.size()), nccl_ids, &config));
#else
    return NcclResult::kInvalidUsage;
#endif
  }
  NcclResult comm_split(NcclCommHandle comm, int color, int key, NcclCommHandle* part,
                        const std::string& name) override {
    auto config = config_named(name);
    return result_of(ncclCommSplit(comm, color < 0 ? NCCL_SPLIT_NOCOLOR : color, key, part, &config));
  }
  NcclResult comm_shrink([[maybe_unused]] NcclCommHandle comm, [[maybe_unused]] std::span<int> excluded,
                         [[maybe_unused]] NcclCommHandle* rest, [[maybe_unused]] const std::string& name) override {
#ifdef NCCL_SHRINK_ABORT
    auto config = config_named(name);
    return result_of(
        ncclCommShrink(comm, excluded.data(), static_cast<int>(excluded.size()), rest, &config, NCCL_SHRINK_ABORT));
#else
    return NcclResult::kInvalidUsage;
#endif
  }
  NcclResult comm_place(NcclCommHandle comm, int* rank, int* size) override {
    if (const auto result = ncclCommUserRank(comm, rank); result != ncclSuccess) return result_of(result);
    return result_of(ncclCommCount(comm, size));
  }
  NcclResult comm_get_async_error(NcclCommHandle comm, NcclResult* error) override {
    ncclResult_t state = ncclSuccess;
    const auto result = ncclCommGetAsyncError(comm, &state);
    *error = result_of(state);
    return result_of(result);
  }
  NcclResult comm_abort(NcclCommHandle comm) override { return result_of(ncclCommAbort(comm)); }
  NcclResult comm_revoke([[maybe_unused]] NcclCommHandle comm) override {
#ifdef NCCL_REVOKE_DEFAULT
    return result_of(ncclCommRevoke(comm, NCCL_REVOKE_DEFAULT));
#else
    return NcclResult::kInvalidUsage;
#endif
  }
  NcclResult comm_destroy(NcclCommHandle comm) override { return result_of(ncclCommDestroy(comm)); }
  const char* get_error_string(NcclResult result) override {
    return ncclGetErrorString(static_cast<ncclResult_t>(result));
  }
  std::string get_last_error(NcclCommHandle comm) override {
    const char* text = ncclGetLastError(comm);
    return text == nullptr ? "" : text;
  }

  NcclResult mem_alloc(void** data, std::size_t bytes) override { return result_of(ncclMemAlloc(data, bytes)); }
  NcclResult mem_free(void* data) override { return result_of(ncclMemFree(data)); }
  NcclResult comm_register(NcclCommHandle comm, void* data, std::size_t bytes, void** handle) override {
    return result_of(ncclCommRegister(comm, data, bytes, handle));
  }
  NcclResult comm_deregister(NcclCommHandle comm, void* handle) override {
    return result_of(ncclCommDeregister(comm, handle));
  }
  NcclResult window_register([[maybe_unused]] NcclCommHandle comm, [[maybe_unused]] void* data,
                             [[maybe_unused]] std::size_t bytes, NcclWindowHandle* window) override {
    *window = nullptr;
#ifdef NCCL_WIN_COLL_SYMMETRIC
    return result_of(
        ncclCommWindowRegister(comm, data, bytes, reinterpret_cast<ncclWindow_t*>(window), NCCL_WIN_COLL_SYMMETRIC));
#else
    return NcclResult::kSuccess;
#endif
  }
  NcclResult window_deregister([[maybe_unused]] NcclCommHandle comm,
                               [[maybe_unused]] NcclWindowHandle window) override {
#ifdef NCCL_WIN_COLL_SYMMETRIC
    return result_of(ncclCommWindowDeregister(comm, static_cast<ncclWindow_t>(window)));
#else
    return NcclResult::kSuccess;
#endif
  }

  NcclResult group_start() override { return result_of(ncclGroupStart()); }
  NcclResult group_end() override { return result_of(ncclGroupEnd()); }
  NcclResult all_reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                        NcclCommHandle comm, CudaStreamHandle stream) override {
    return result_of(ncclAllReduce(input, output, count, type_of(type), op_of(op), comm, stream));
  }
  NcclResult reduce_scatter(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                            NcclCommHandle comm, CudaStreamHandle stream) override {
    return result_of(ncclReduceScatter(input, output, count, type_of(type), op_of(op), comm, stream));
  }
  NcclResult reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op, int root,
                    NcclCommHandle comm, CudaStreamHandle stream) override {
    return result_of(ncclReduce(input, output, count, type_of(type), op_of(op), root, comm, stream));
  }
  NcclResult all_gather(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                        CudaStreamHandle stream) override {
    return result_of(ncclAllGather(input, output, count, type_of(type), comm, stream));
  }
  NcclResult broadcast(const void* input, void* output, std::size_t count, Dtype type, int root, NcclCommHandle comm,
                       CudaStreamHandle stream) override {
    return result_of(ncclBroadcast(input, output, count, type_of(type), root, comm, stream));
  }
  NcclResult gather(const void* input, void* output, std::size_t count, Dtype type, int root, NcclCommHandle comm,
                    CudaStreamHandle stream) override {
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 0)
    return result_of(ncclGather(input, output, count, type_of(type), root, comm, stream));
#else
    return grouped(comm, [&](int rank, int size) {
      if (const auto result = ncclSend(input, count, type_of(type), root, comm, stream); result != ncclSuccess)
        return result;
      for (int peer = 0; rank == root && peer < size; ++peer) {
        const auto result = ncclRecv(block(output, peer, count, type), count, type_of(type), peer, comm, stream);
        if (result != ncclSuccess) return result;
      }
      return ncclSuccess;
    });
#endif
  }
  NcclResult scatter(const void* input, void* output, std::size_t count, Dtype type, int root, NcclCommHandle comm,
                     CudaStreamHandle stream) override {
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 0)
    return result_of(ncclScatter(input, output, count, type_of(type), root, comm, stream));
#else
    return grouped(comm, [&](int rank, int size) {
      if (const auto result = ncclRecv(output, count, type_of(type), root, comm, stream); result != ncclSuccess)
        return result;
      for (int peer = 0; rank == root && peer < size; ++peer) {
        const auto result = ncclSend(block(input, peer, count, type), count, type_of(type), peer, comm, stream);
        if (result != ncclSuccess) return result;
      }
      return ncclSuccess;
    });
#endif
  }
  NcclResult all_to_all(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                        CudaStreamHandle stream) override {
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 0)
    return result_of(ncclAlltoAll(input, output, count, type_of(type), comm, stream));
#else
    return grouped(comm, [&](int, int size) {
      for (int peer = 0; peer < size; ++peer) {
        const auto sent = ncclSend(block(input, peer, count, type), count, type_of(type), peer, comm, stream);
        if (sent != ncclSuccess) return sent;
        const auto received = ncclRecv(block(output, peer, count, type), count, type_of(type), peer, comm, stream);
        if (received != ncclSuccess) return received;
      }
      return ncclSuccess;
    });
#endif
  }
  NcclResult send(const void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                  CudaStreamHandle stream) override {
    return result_of(ncclSend(data, count, type_of(type), peer, comm, stream));
  }
  NcclResult receive(void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                     CudaStreamHandle stream) override {
    return result_of(ncclRecv(data, count, type_of(type), peer, comm, stream));
  }

  CudaResult get_device_count(int* count) override { return result_of(cudaGetDeviceCount(count)); }
  CudaResult set_device(int device) override { return result_of(cudaSetDevice(device)); }
  CudaResult stream_create(CudaStreamHandle* stream) override {
    int lowest = 0;
    int highest = 0;
    if (const auto error = cudaDeviceGetStreamPriorityRange(&lowest, &highest); error != cudaSuccess) {
      return result_of(error);
    }
    return result_of(cudaStreamCreateWithPriority(stream, cudaStreamNonBlocking, highest));
  }
  CudaResult stream_destroy(CudaStreamHandle stream) override { return result_of(cudaStreamDestroy(stream)); }
  CudaResult stream_wait_event(CudaStreamHandle stream, CudaEventHandle event) override {
    return result_of(cudaStreamWaitEvent(stream, event, 0));
  }
  CudaResult event_create(CudaEventHandle* event) override {
    return result_of(cudaEventCreateWithFlags(event, cudaEventDisableTiming));
  }
  CudaResult event_destroy(CudaEventHandle event) override { return result_of(cudaEventDestroy(event)); }
  CudaResult event_record(CudaEventHandle event, CudaStreamHandle stream) override {
    return result_of(cudaEventRecord(event, stream));
  }
  CudaResult event_query(CudaEventHandle event) override { return result_of(cudaEventQuery(event)); }
  CudaResult memory_alloc(void** data, std::size_t bytes, CudaStreamHandle stream) override {
    return result_of(cudaMallocAsync(data, bytes, stream));
  }
  CudaResult memory_free(void* data, CudaStreamHandle stream) override {
    return result_of(cudaFreeAsync(data, stream));
  }
  CudaResult memory_copy(void* to, const void* from, std::size_t bytes, CudaStreamHandle stream) override {
    return result_of(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream));
  }
  CudaResult memory_clear(void* data, std::size_t bytes) override {
    if (const auto error = cudaMemset(data, 0, bytes); error != cudaSuccess) return result_of(error);
    return result_of(cudaStreamSynchronize(nullptr));
  }
  const char* get_error_string(CudaResult error) override {
    return cudaGetErrorString(static_cast<cudaError_t>(error));
  }

  [[nodiscard]] std::chrono::steady_clock::time_point now() override { return std::chrono::steady_clock::now(); }
  void pause() override { std::this_thread::sleep_for(std::chrono::microseconds(20)); }

 private:
#if NCCL_VERSION_CODE < NCCL_VERSION(2, 28, 0)
  template <typename Pointer>
  static Pointer block(Pointer data, int rank, std::size_t count, Dtype type) {
    return const_cast<Pointer>(
        static_cast<std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const char*, char*>>(data) +
        static_cast<std::size_t>(rank) * count * size_of(type));
  }
  template <typename Messages>
  static NcclResult grouped(NcclCommHandle comm, Messages messages) {
    int rank = 0;
    int size = 0;
    if (const auto result = ncclCommUserRank(comm, &rank); result != ncclSuccess) return result_of(result);
    if (const auto result = ncclCommCount(comm, &size); result != ncclSuccess) return result_of(result);
    if (const auto result = ncclGroupStart(); result != ncclSuccess) return result_of(result);
    const auto sent = messages(rank, size);
    const auto ended = ncclGroupEnd();
    return result_of(sent != ncclSuccess ? sent : ended);
  }
#endif
};

}  // namespace

NcclApiPtr real_nccl_api() { return std::make_shared<RealNcclApi>(); }

}  // namespace trireme::collectives
