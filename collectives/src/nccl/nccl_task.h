#pragma once

#include <memory>
#include <optional>

#include "nccl_transport.h"

namespace trireme::collectives {

// One operation on the stream of its transport.
class NcclTask final : public Task {
 public:
  NcclTask(NcclTransport& transport, const Operation& operation);
  ~NcclTask() override { transport_.forget(this); }
  NcclTask(const NcclTask&) = delete;
  NcclTask& operator=(const NcclTask&) = delete;

  // Gives the operation to NCCL, and marks the end of it in the stream.
  void give_to_nccl();
  void mark_end();
  [[nodiscard]] const Operation& operation() const noexcept { return operation_; }

  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return {}; }
  [[nodiscard]] bool hold(Stream stream) override;

 private:
  [[nodiscard]] ncclResult_t call();
  void stage();
  void copy(void* to, const void* from, std::size_t bytes);

  NcclTransport& transport_;
  NcclApi& api_;
  const Operation operation_;
  CudaEvent end_;
  const void* input_;  // what NCCL reads and writes: the caller's memory, or device memory in its place
  void* output_;
  std::optional<NcclMemory> staged_input_;
  std::optional<NcclMemory> staged_output_;
  bool must_copy_out_ = false;
};

}  // namespace trireme::collectives
