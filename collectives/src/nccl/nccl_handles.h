#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "nccl_api.h"

// What the nccl backend owns of NCCL and CUDA, and their errors as exceptions.
namespace trireme::collectives {

// Throw CommError with the library's own text. kInProgress is no error: see NcclComm::settle().
void check_nccl(NcclApi& api, NcclResult result, const char* call, NcclCommHandle comm = nullptr);
void check_cuda(NcclApi& api, CudaResult error, const char* call);

// Events for reuse: making one costs more than recording one. Thread-safe.
class CudaEvents {
 public:
  explicit CudaEvents(NcclApiPtr api) : api_(std::move(api)) {}
  ~CudaEvents();
  CudaEvents(const CudaEvents&) = delete;
  CudaEvents& operator=(const CudaEvents&) = delete;
  [[nodiscard]] CudaEventHandle take();
  void give_back(CudaEventHandle event) noexcept;
  [[nodiscard]] NcclApi& api() const noexcept { return *api_; }

 private:
  const NcclApiPtr api_;
  std::mutex mutex_;  // guards free_
  std::vector<CudaEventHandle> free_;
};

// A point in a stream that can be asked for and waited for.
class CudaEvent {
 public:
  explicit CudaEvent(std::shared_ptr<CudaEvents> events) : events_(std::move(events)), event_(events_->take()) {}
  ~CudaEvent() { events_->give_back(event_); }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  void record(CudaStreamHandle stream);
  // Makes `stream` wait for the point.
  void hold(CudaStreamHandle stream);
  [[nodiscard]] bool has_passed();

 private:
  const std::shared_ptr<CudaEvents> events_;
  const CudaEventHandle event_;
};

class CudaStream {
 public:
  CudaStream(NcclApiPtr api, int device);
  ~CudaStream() { (void)api_->stream_destroy(stream_); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  [[nodiscard]] CudaStreamHandle get() const noexcept { return stream_; }

 private:
  const NcclApiPtr api_;
  CudaStreamHandle stream_ = nullptr;
};

// Device memory of an operation: taken and given back in the order of its stream, so that it may go out of scope while
// the device still uses it.
class StagedMemory {
 public:
  StagedMemory(NcclApiPtr api, CudaStreamHandle stream, std::size_t bytes);
  ~StagedMemory() { (void)api_->memory_free(data_, stream_); }
  StagedMemory(const StagedMemory&) = delete;
  StagedMemory& operator=(const StagedMemory&) = delete;
  [[nodiscard]] void* data() const noexcept { return data_; }

 private:
  const NcclApiPtr api_;
  const CudaStreamHandle stream_;
  void* data_ = nullptr;
};

// A non-blocking communicator. Destroyed if it is whole, which NCCL wants all ranks of a node to do; aborted if not.
//
// Thread-safe: the thread that communicates and the watchdog share it. No call of NCCL on a non-blocking communicator
// blocks, so neither waits long for the other.
class NcclComm {
 public:
  NcclComm(NcclApiPtr api, NcclCommHandle comm) : api_(std::move(api)), comm_(comm) {}
  ~NcclComm();
  NcclComm(const NcclComm&) = delete;
  NcclComm& operator=(const NcclComm&) = delete;

  // Runs `calls` with the handle while nobody can stop the communicator; throws CommError once it is stopped.
  template <typename Calls>
  auto use(Calls&& calls) {
    const std::lock_guard lock(mutex_);
    check_running();
    return calls(comm_);
  }
  // True once NCCL has done what was last asked of it; throws CommError when that or anything under way failed, or when
  // the communicator is stopped.
  [[nodiscard]] bool settle();
  // Ends operations under way on this rank, by revoking where this NCCL can, so that the ranks left can be made a
  // communicator of by shrink(); else by aborting. Peers find out through the store.
  void stop() noexcept;
  // Where NCCL may write the handle of a communicator made of this one; lives as long as this one, as that may come
  // late.
  [[nodiscard]] NcclCommHandle* make_slot();
  // Gives up a communicator that never came to be.
  void abort() noexcept;
  // Asks for a communicator without the excluded ranks, which is in `rest` once is_quiet(); false where this NCCL
  // cannot or the communicator had to be aborted. Only after stop().
  [[nodiscard]] bool shrink(std::vector<int> excluded, NcclCommHandle* rest, const std::string& name);
  // True once a stopped communicator has come to rest.
  [[nodiscard]] bool is_quiet();
  // Runs `calls` with the handle unless it is stopped; for giving back what belongs to a communicator.
  template <typename Calls>
  void with_handle(Calls&& calls) noexcept {
    const std::lock_guard lock(mutex_);
    if (!is_stopped_) calls(comm_);
  }

 private:
  void check_running() const;

  const NcclApiPtr api_;
  std::mutex mutex_;  // guards what follows
  NcclCommHandle comm_;
  bool is_stopped_ = false;
  std::deque<NcclCommHandle> slots_;  // addresses stay
};

}  // namespace trireme::collectives
