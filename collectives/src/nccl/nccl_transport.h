#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "../transport.h"
#include "agreements.h"
#include "nccl_watch.h"
#include "registered_memory.h"
#include "trireme/collectives/nccl.h"
#include "watchdog.h"

namespace trireme::collectives {

class NcclTask;

// Operations on a GPU: each starts on a stream of our own, behind what the caller's stream holds when it is posted.
//
// Note [batches]: operations wait in batches that NCCL gets as one group each, in the order posted. A collective is a
// batch of its own and starts when it is posted; between begin_group() and end_group() all make one batch. Sends and
// receives are collected until somebody waits or a collective is posted: NCCL would deadlock on two ranks that first
// send to each other. A batch starts when NCCL has taken the one before and the ranks agree on what is in it; nothing
// here blocks for that, the next look goes on. All batches run one after the other in the stream, so on nccl a message
// does wait for a collective that was posted before it.
//
// NCCL matches messages by peer and order alone, so the tag must be 0. Host memory is copied through the GPU; meant for
// the small things that objects need.
class NcclTransport final : public Transport {
 public:
  // `comm` has settled. The options are those of the world, also for its subgroups, whose members are ranks of it.
  NcclTransport(NcclApiPtr api, std::shared_ptr<NcclComm> comm, std::unique_ptr<GroupBoard> board,
                const NcclOptions& options, std::vector<int> members);
  ~NcclTransport() override;

  [[nodiscard]] std::string_view name() const noexcept override { return "nccl"; }
  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return size_; }

  [[nodiscard]] std::unique_ptr<Task> start(const Operation& operation) override;
  [[nodiscard]] bool starts_at_once() const noexcept override { return true; }
  [[nodiscard]] bool has_tags() const noexcept override { return false; }
  [[nodiscard]] bool can_reach(const Device& device) const noexcept override;
  void begin_group() override { ++open_groups_; }
  void end_group() override;
  void push() override;
  void check_peers() override { watch_.check(); }
  void investigate() override { watch_.examine(); }
  [[nodiscard]] std::string standing(int rank) const override { return watch_.standing(rank); }

  [[nodiscard]] std::chrono::steady_clock::time_point now() const override { return api_->now(); }
  [[nodiscard]] Patience patience() const noexcept override { return {.spins = 0, .yields = 0}; }
  void sleep(const std::function<bool()>& moved) override;

  void announce(const Failure& failure) noexcept override { watch_.fail(failure); }
  void abort(std::string_view reason) override { watch_.fail({.text = std::string(reason)}); }
  [[nodiscard]] MemoryPtr allocate(std::size_t bytes) override;
  [[nodiscard]] bool splits_itself() const noexcept override { return true; }
  [[nodiscard]] std::unique_ptr<Transport> split(const Subgroup& subgroup) override;
  [[nodiscard]] std::vector<int> members() const override { return members_; }
  // The ranks that are not lost, after a failure. See shrink_nccl().
  [[nodiscard]] std::unique_ptr<Transport> shrink(std::vector<int> lost, Timeout timeout);

  // For tasks.
  [[nodiscard]] const NcclApiPtr& api() const noexcept { return api_; }
  [[nodiscard]] CudaStreamHandle stream() const noexcept { return stream_.get(); }
  // For results that go to host memory. In stream() they would wait for operations that were started since, and those
  // may be waiting for a rank which waits for this one in another group.
  [[nodiscard]] CudaStreamHandle copies() const noexcept { return copies_.get(); }
  [[nodiscard]] const std::shared_ptr<CudaEvents>& events() const noexcept { return events_; }
  [[nodiscard]] NcclWatch& watch() noexcept { return watch_; }
  [[nodiscard]] void* scratch() const noexcept { return scratch_.data(); }  // a few bytes of device memory
  // Starts what can be started now. Never blocks.
  void progress();
  void wait_until_started(NcclTask& task);
  void forget(NcclTask* task) noexcept;

 private:
  using Batch = std::vector<NcclTask*>;

  [[nodiscard]] Call call_of(const Operation& operation) const;
  void close_batch();
  [[nodiscard]] bool have_agreed(const Batch& batch);
  [[nodiscard]] bool awaits_host_memory(const Batch& batch) const;
  void launch(Batch batch);
  // Waits until NCCL has done what it was asked, not for operations.
  void settle(const char* what, Timeout timeout);
  [[nodiscard]] std::unique_ptr<Transport> adopt(NcclCommHandle comm, const std::string& name, Timeout timeout);

  const NcclApiPtr api_;
  const std::shared_ptr<NcclComm> comm_;
  const NcclOptions options_;
  const int rank_;
  const int size_;
  const std::vector<int> members_;
  CudaStream stream_;
  CudaStream copies_;
  const std::shared_ptr<CudaEvents> events_;
  StagedMemory scratch_;
  const std::shared_ptr<NcclWindows> windows_;
  NcclWatch watch_;
  Agreements agreements_;
  int open_groups_ = 0;
  int parts_ = 0;              // made by split() and shrink(), for their names
  Batch open_;                 // still being collected
  std::deque<Batch> waiting_;  // complete, not given to NCCL
  Batch launching_;            // given to NCCL, which has not taken it yet
  Batch copying_;              // given to NCCL, whose results host memory has not got yet
  std::optional<Watchdog> watchdog_;
};

}  // namespace trireme::collectives
