#pragma once

#include <vector>

#include "../transport.h"
#include "nccl_handles.h"
#include "trireme/base/store.h"

namespace trireme::collectives {

class NcclTask;

// Operations on a GPU: each is started on a stream of our own, after what the caller's stream holds, when it is posted.
//
// Sends and receives are collected and started as one group when somebody waits or posts a collective: NCCL would
// deadlock on two ranks that first send to each other. It matches messages by peer and order alone, so the tag must be
// 0. Host memory is copied through the GPU; meant for the small things that objects and splits need.
class NcclTransport final : public Transport {
 public:
  NcclTransport(NcclApiPtr api, Store& store, NcclComm comm, int device, int rank, std::vector<int> members);

  [[nodiscard]] std::string_view name() const noexcept override { return "nccl"; }
  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return static_cast<int>(members_.size()); }

  [[nodiscard]] std::unique_ptr<Task> start(const Operation& operation) override;
  [[nodiscard]] bool starts_at_once() const noexcept override { return true; }
  [[nodiscard]] bool has_tags() const noexcept override { return false; }
  [[nodiscard]] bool can_reach(const Device& device) const noexcept override;
  void check_peers() override;
  [[nodiscard]] std::string standing(int rank) const override;

  [[nodiscard]] std::chrono::steady_clock::time_point now() const override { return api_->now(); }
  [[nodiscard]] Patience patience() const noexcept override { return {.spins = 0, .yields = 0}; }
  void sleep(const std::function<bool()>& moved) override;

  void announce(const Failure& failure) noexcept override;
  void abort(std::string_view reason) override { abort_.raise(reason); }
  [[nodiscard]] MemoryPtr allocate(std::size_t bytes) override;
  [[nodiscard]] std::unique_ptr<Transport> split(const Subgroup& subgroup) override;

  // For tasks.
  [[nodiscard]] const NcclApiPtr& api() const noexcept { return api_; }
  [[nodiscard]] cudaStream_t stream() const noexcept { return stream_.get(); }
  [[nodiscard]] ncclComm_t comm() const noexcept { return comm_.get(); }
  // Waits until NCCL has taken what it was given; not until it is done.
  void settle(Timeout timeout);
  // Starts the messages collected so far.
  void start_messages();
  void forget(NcclTask* task) noexcept;

 private:
  const NcclApiPtr api_;
  Store& store_;
  const int device_;
  const int rank_;
  const std::vector<int> members_;  // global ranks
  CudaStream stream_;
  NcclComm comm_;
  std::vector<NcclTask*> messages_;  // posted, not started
  Signature last_;
  AbortFlag abort_;
  std::uint64_t seen_generation_ = 0;
};

}  // namespace trireme::collectives
