#pragma once

#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "nccl/nccl_api.h"

namespace trireme::collectives::test {

// One rank's NCCL and CUDA in ordinary memory. Remembers the calls; operations copy this rank's input as if the other
// ranks had passed zeros, are done when `is_done`, and fail as told. Pausing moves the clock.
class FakeNcclApi final : public NcclApi {
 public:
  std::vector<std::string> calls;
  ncclUniqueId unique_id = {};
  ncclUniqueId id_at_init = {};
  int blocking_at_init = -1;
  std::deque<ncclResult_t> async_errors;  // what is told next; then `async_error`
  ncclResult_t async_error = ncclSuccess;
  ncclResult_t result_of_operations = ncclSuccess;
  bool is_done = true;
  int live_allocations = 0;
  std::chrono::steady_clock::time_point time = {};

  ncclResult_t get_unique_id(ncclUniqueId* id) override { return *id = unique_id, note("get_unique_id"); }
  ncclResult_t comm_init_rank_config(ncclComm_t* comm, int, ncclUniqueId id, int, ncclConfig_t* config) override {
    id_at_init = id;
    blocking_at_init = config->blocking;
    *comm = reinterpret_cast<ncclComm_t>(this);
    return note("init");
  }
  ncclResult_t comm_split(ncclComm_t, int color, int key, ncclComm_t* part, ncclConfig_t*) override {
    *part = reinterpret_cast<ncclComm_t>(this);
    return note("split " + std::to_string(color) + " " + std::to_string(key));
  }
  ncclResult_t comm_get_async_error(ncclComm_t, ncclResult_t* error) override {
    *error = async_error;
    if (async_errors.empty()) return ncclSuccess;
    *error = async_errors.front();
    async_errors.pop_front();
    return ncclSuccess;
  }
  ncclResult_t comm_abort(ncclComm_t) override { return note("abort"); }
  ncclResult_t comm_destroy(ncclComm_t) override { return note("destroy"); }
  ncclResult_t mem_alloc(void** data, std::size_t bytes) override {
    *data = std::malloc(bytes);
    ++live_allocations;
    return ncclSuccess;
  }
  ncclResult_t mem_free(void* data) override {
    std::free(data);
    --live_allocations;
    return ncclSuccess;
  }
  const char* get_error_string(ncclResult_t result) override {
    return result == ncclRemoteError ? "remote error" : "another error";
  }

  ncclResult_t group_start() override { return note("group {"); }
  ncclResult_t group_end() override { return note("}"); }
  ncclResult_t all_reduce(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                          ncclComm_t, cudaStream_t) override {
    return operate("all_reduce", input, output, count, type, " op " + std::to_string(op));
  }
  ncclResult_t reduce_scatter(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                              ncclComm_t, cudaStream_t) override {
    return operate("reduce_scatter", input, output, count, type, " op " + std::to_string(op));
  }
  ncclResult_t reduce(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclRedOp_t, int root,
                      ncclComm_t, cudaStream_t) override {
    return operate("reduce", input, output, count, type, " root " + std::to_string(root));
  }
  ncclResult_t all_gather(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclComm_t,
                          cudaStream_t) override {
    return operate("all_gather", input, output, count, type);
  }
  ncclResult_t broadcast(const void* input, void* output, std::size_t count, ncclDataType_t type, int root, ncclComm_t,
                         cudaStream_t) override {
    return operate("broadcast", input, output, count, type, " root " + std::to_string(root));
  }
  ncclResult_t gather(const void* input, void* output, std::size_t count, ncclDataType_t type, int root, ncclComm_t,
                      cudaStream_t) override {
    return operate("gather", input, output, count, type, " root " + std::to_string(root));
  }
  ncclResult_t scatter(const void* input, void* output, std::size_t count, ncclDataType_t type, int root, ncclComm_t,
                       cudaStream_t) override {
    return operate("scatter", input, output, count, type, " root " + std::to_string(root));
  }
  ncclResult_t all_to_all(const void* input, void* output, std::size_t count, ncclDataType_t type, ncclComm_t,
                          cudaStream_t) override {
    return operate(input == output ? "all_to_all in place" : "all_to_all", input, output, count, type);
  }
  ncclResult_t send(const void*, std::size_t count, ncclDataType_t, int peer, ncclComm_t, cudaStream_t) override {
    return note("send " + std::to_string(count) + " to " + std::to_string(peer));
  }
  ncclResult_t receive(void*, std::size_t count, ncclDataType_t, int peer, ncclComm_t, cudaStream_t) override {
    return note("receive " + std::to_string(count) + " from " + std::to_string(peer));
  }

  cudaError_t set_device(int) override { return cudaSuccess; }
  cudaError_t stream_create(cudaStream_t* stream) override {
    *stream = own_stream();
    return cudaSuccess;
  }
  cudaError_t stream_destroy(cudaStream_t) override { return cudaSuccess; }
  cudaError_t stream_wait_event(cudaStream_t stream, cudaEvent_t) override {
    note(stream == own_stream() ? "own stream waits" : "caller's stream waits");
    return cudaSuccess;
  }
  cudaError_t event_create(cudaEvent_t* event) override {
    *event = reinterpret_cast<cudaEvent_t>(this);
    return cudaSuccess;
  }
  cudaError_t event_destroy(cudaEvent_t) override { return cudaSuccess; }
  cudaError_t event_record(cudaEvent_t, cudaStream_t) override { return cudaSuccess; }
  cudaError_t event_query(cudaEvent_t) override { return is_done ? cudaSuccess : cudaErrorNotReady; }
  cudaError_t memory_copy(void* to, const void* from, std::size_t bytes, cudaStream_t) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return cudaSuccess;
  }
  cudaError_t memory_clear(void* data, std::size_t bytes) override {
    std::memset(data, 0, bytes);
    return cudaSuccess;
  }
  const char* get_error_string(cudaError_t) override { return "a CUDA error"; }

  [[nodiscard]] std::chrono::steady_clock::time_point now() override { return time; }
  void pause() override { time += std::chrono::milliseconds(10); }

 private:
  cudaStream_t own_stream() { return reinterpret_cast<cudaStream_t>(&calls); }
  ncclResult_t note(std::string call) {
    calls.push_back(std::move(call));
    return ncclSuccess;
  }
  ncclResult_t operate(const std::string& name, const void* input, void* output, std::size_t count, ncclDataType_t type,
                       const std::string& rest = "") {
    note(name + " " + std::to_string(count) + " type " + std::to_string(type) + rest);
    const std::size_t bytes = count * (type == ncclUint8 ? 1 : type == ncclInt64 || type == ncclFloat64 ? 8 : 4);
    if (result_of_operations == ncclSuccess && input != output) std::memcpy(output, input, bytes);
    return result_of_operations;
  }
};

}  // namespace trireme::collectives::test
