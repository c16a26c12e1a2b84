#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/process_ranks.h"
#include "trireme/collectives/communicator.h"
#include "trireme/collectives/nccl.h"

// Ranks of the real NCCL, each a process. On a machine without a GPU what runs them fails and says so: nothing here
// passes by skipping, and the presets leave the label gpu out.
namespace trireme::collectives::test {

// GPUs of this machine, asked by a child: CUDA does not survive a fork, and ranks are forked. Fails the test when none.
[[nodiscard]] int count_gpus();

struct GpuRank {
  int rank;
  int size;
  int device;
  Store& store;
  // A new world of all ranks; names tell worlds apart.
  [[nodiscard]] std::unique_ptr<Communicator> make(const std::string& name, NcclOptions options = {}) const;
};

// Runs `body` on `ranks` processes and fails the test when one fails, throws or is late. Ranks share GPUs when there
// are fewer: each then says to NCCL that it is a host of its own (NCCL_HOSTID), for NCCL refuses two ranks of one host
// on one GPU, and they meet over sockets. A rank in `lost` may die.
void run_gpu_ranks(int ranks, const std::function<void(const GpuRank&)>& body, const std::vector<int>& lost = {});

// Memory of a GPU, allocated by the CUDA runtime, with what tests do with it.
class GpuFloats {
 public:
  explicit GpuFloats(std::size_t count);
  GpuFloats(MemoryPtr memory, std::size_t count);  // of a communicator
  ~GpuFloats();
  GpuFloats(const GpuFloats&) = delete;
  GpuFloats& operator=(const GpuFloats&) = delete;
  void put(const std::vector<float>& values);
  [[nodiscard]] std::vector<float> get() const;
  [[nodiscard]] Buffer view(int device) const;

 private:
  MemoryPtr memory_;
  float* data_ = nullptr;
  std::size_t count_;
};

// A stream of the caller's.
class GpuStream {
 public:
  GpuStream();
  ~GpuStream();
  GpuStream(const GpuStream&) = delete;
  GpuStream& operator=(const GpuStream&) = delete;
  [[nodiscard]] Stream get() const { return Stream(stream_); }
  void synchronize() const;

 private:
  void* stream_ = nullptr;
};

}  // namespace trireme::collectives::test
