#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nccl/nccl_api.h"

// NCCL and CUDA in ordinary memory, for ranks that are threads.
namespace trireme::collectives::test {

class FakeNcclApi;

// What the ranks' fakes share. Streams are queues that run in order; an operation of NCCL ends when every rank's stream
// has come to it, in rank order, so its bits are those of the reference. Ranks that do not match are never matched, as
// with NCCL, and are counted.
class FakeNcclWorld {
 public:
  FakeNcclWorld();
  ~FakeNcclWorld();
  FakeNcclWorld(const FakeNcclWorld&) = delete;
  FakeNcclWorld& operator=(const FakeNcclWorld&) = delete;

  // A rank's NCCL. Lives as long as the world.
  [[nodiscard]] std::shared_ptr<FakeNcclApi> add_rank();
  // Operations hang from now on, or go on.
  void hold(bool is_held);
  // Operations that ranks gave to NCCL although they did not fit together.
  [[nodiscard]] int mixed_operations() const;
  [[nodiscard]] int live_allocations() const;

 private:
  friend class FakeNcclApi;
  struct Clique;
  struct Comm;
  struct Join;
  struct Request;
  struct Message;
  struct Collective;
  struct Stream;
  struct Event;
  using Step = std::function<bool()>;  // true once done

  void run();  // everything that can run; under mutex_
  [[nodiscard]] Stream& stream(void* handle);
  [[nodiscard]] Comm* make_comm(const std::shared_ptr<Clique>& clique, int rank);
  void compute(Clique& clique, Collective& collective);

  mutable std::mutex mutex_;  // guards everything below, and what ranks' fakes hold
  std::condition_variable called_;
  std::map<std::string, std::shared_ptr<Clique>> cliques_;
  std::vector<std::unique_ptr<Comm>> comms_;
  std::map<void*, std::unique_ptr<Stream>> streams_;
  std::map<void*, std::unique_ptr<Event>> events_;
  std::set<void*> allocations_;
  bool is_held_ = false;
  int mixed_operations_ = 0;
  int ids_ = 0;
};

// One rank's calls. The members may be set between calls of the rank's own thread.
class FakeNcclApi final : public NcclApi {
 public:
  explicit FakeNcclApi(FakeNcclWorld& world) : world_(world) {}

  // What was called, in order; the streams that wait are "own" or "the caller's".
  [[nodiscard]] std::vector<std::string> calls() const;
  void forget_calls();
  // Blocks until a call that begins so is made, by any thread.
  void wait_for_call(const std::string& beginning) const;

  void set_async_error(NcclResult error);
  void set_result_of_operations(NcclResult result);
  void set_settles(bool settles);  // false: NCCL is for ever busy with what it was asked last
  NcclVersions versions{.built = 22809, .loaded = 22809};
  int devices = 1;
  bool can_revoke = true;
  bool can_shrink = true;
  bool has_symmetric_windows = true;
  // A clock that only pauses move, by 10 ms each.
  bool has_manual_clock = false;

  NcclResult get_versions(NcclVersions* result) override;
  NcclResult get_unique_id(NcclUniqueId* id) override;
  NcclResult comm_init(NcclCommHandle* comm, int ranks, int rank, std::span<NcclUniqueId> ids,
                       const std::string& name) override;
  NcclResult comm_split(NcclCommHandle comm, int color, int key, NcclCommHandle* part,
                        const std::string& name) override;
  NcclResult comm_shrink(NcclCommHandle comm, std::span<int> excluded, NcclCommHandle* rest,
                         const std::string& name) override;
  NcclResult comm_place(NcclCommHandle comm, int* rank, int* size) override;
  NcclResult comm_get_async_error(NcclCommHandle comm, NcclResult* error) override;
  NcclResult comm_abort(NcclCommHandle comm) override;
  NcclResult comm_revoke(NcclCommHandle comm) override;
  NcclResult comm_destroy(NcclCommHandle comm) override;
  const char* get_error_string(NcclResult result) override;
  std::string get_last_error(NcclCommHandle comm) override;
  NcclResult mem_alloc(void** data, std::size_t bytes) override;
  NcclResult mem_free(void* data) override;
  NcclResult comm_register(NcclCommHandle comm, void* data, std::size_t bytes, void** handle) override;
  NcclResult comm_deregister(NcclCommHandle comm, void* handle) override;
  NcclResult window_register(NcclCommHandle comm, void* data, std::size_t bytes, NcclWindowHandle* window) override;
  NcclResult window_deregister(NcclCommHandle comm, NcclWindowHandle window) override;

  NcclResult group_start() override;
  NcclResult group_end() override;
  NcclResult all_reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                        NcclCommHandle comm, CudaStreamHandle stream) override;
  NcclResult reduce_scatter(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                            NcclCommHandle comm, CudaStreamHandle stream) override;
  NcclResult reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op, int root,
                    NcclCommHandle comm, CudaStreamHandle stream) override;
  NcclResult all_gather(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                        CudaStreamHandle stream) override;
  NcclResult broadcast(const void* input, void* output, std::size_t count, Dtype type, int root, NcclCommHandle comm,
                       CudaStreamHandle stream) override;
  NcclResult gather(const void* input, void* output, std::size_t count, Dtype type, int root, NcclCommHandle comm,
                    CudaStreamHandle stream) override;
  NcclResult scatter(const void* input, void* output, std::size_t count, Dtype type, int root, NcclCommHandle comm,
                     CudaStreamHandle stream) override;
  NcclResult all_to_all(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                        CudaStreamHandle stream) override;
  NcclResult send(const void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                  CudaStreamHandle stream) override;
  NcclResult receive(void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                     CudaStreamHandle stream) override;

  CudaResult get_device_count(int* count) override;
  CudaResult set_device(int device) override;
  CudaResult stream_create(CudaStreamHandle* stream) override;
  CudaResult stream_destroy(CudaStreamHandle stream) override;
  CudaResult stream_wait_event(CudaStreamHandle stream, CudaEventHandle event) override;
  CudaResult event_create(CudaEventHandle* event) override;
  CudaResult event_destroy(CudaEventHandle event) override;
  CudaResult event_record(CudaEventHandle event, CudaStreamHandle stream) override;
  CudaResult event_query(CudaEventHandle event) override;
  CudaResult memory_alloc(void** data, std::size_t bytes, CudaStreamHandle stream) override;
  CudaResult memory_free(void* data, CudaStreamHandle stream) override;
  CudaResult memory_copy(void* to, const void* from, std::size_t bytes, CudaStreamHandle stream) override;
  CudaResult memory_clear(void* data, std::size_t bytes) override;
  const char* get_error_string(CudaResult error) override;

  [[nodiscard]] std::chrono::steady_clock::time_point now() override;
  void pause() override;

 private:
  using World = FakeNcclWorld;
  void note(std::string call);
  NcclResult post(NcclCommHandle comm, CudaStreamHandle stream, World::Request request);
  NcclResult post_message(NcclCommHandle comm, CudaStreamHandle stream, bool is_send, int peer, void* data,
                          std::size_t count, Dtype type);
  void give(CudaStreamHandle stream, World::Step step);
  NcclResult stop(NcclCommHandle comm, const char* how);

  World& world_;
  std::vector<std::string> calls_;
  NcclResult async_error_ = NcclResult::kSuccess;
  NcclResult result_of_operations_ = NcclResult::kSuccess;
  bool settles_ = true;
  int group_depth_ = 0;
  std::vector<World::Step> grouped_;
  void* grouped_stream_ = nullptr;
  std::chrono::steady_clock::time_point time_{};
};

}  // namespace trireme::collectives::test
