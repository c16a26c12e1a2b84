#pragma once

#include <memory>
#include <optional>

#include "agreements.h"
#include "launch.h"
#include "nccl_transport.h"

namespace trireme::collectives {

// One operation on the stream of its transport. What it borrows of the device it holds until its end has passed in the
// stream; nothing is tied to the caller's stream but the wait for it.
class NcclTask final : public Task {
 public:
  NcclTask(NcclTransport& transport, const Operation& operation, const Call& call);
  ~NcclTask() override { transport_.forget(this); }
  NcclTask(const NcclTask&) = delete;
  NcclTask& operator=(const NcclTask&) = delete;

  [[nodiscard]] const Operation& operation() const noexcept { return operation_; }
  [[nodiscard]] Agreements::Question& question() noexcept { return question_; }
  // Copies what NCCL cannot read where it lies and marks the begin in the stream; gives the operation to NCCL; marks
  // the end, once NCCL has taken it.
  void prepare();
  void give_to_nccl(NcclCommHandle comm);
  void mark_end();
  [[nodiscard]] bool has_started() const noexcept { return has_started_; }
  // Host memory gets its result once the operation has ended, when somebody looks.
  [[nodiscard]] bool has_host_output() const noexcept { return has_host_output_; }
  // True once it has it; goes on with that as far as it can be without blocking.
  [[nodiscard]] bool is_copied_out();

  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override;
  [[nodiscard]] bool hold(Stream stream) override;

 private:
  [[nodiscard]] NcclResult call(NcclCommHandle comm);
  void stage();
  [[nodiscard]] bool has_ended();
  void copy(void* to, const void* from, std::size_t bytes, CudaStreamHandle stream);

  NcclTransport& transport_;
  NcclApi& api_;
  const Operation operation_;
  Agreements::Question question_;
  const std::shared_ptr<Launch> launch_;
  const void* input_;  // what NCCL reads and writes: the caller's memory, or device memory in its place
  void* output_;
  std::optional<StagedMemory> staged_input_;
  std::optional<StagedMemory> staged_output_;
  std::optional<CudaEvent> copied_out_;
  const bool has_host_output_;
  bool is_copied_out_ = false;
  bool has_started_ = false;
};

}  // namespace trireme::collectives
