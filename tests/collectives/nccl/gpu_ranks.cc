#include "gpu_ranks.h"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "trireme/base/error.h"

namespace trireme::collectives::test {
namespace {

void check(cudaError_t error, const char* call) {
  if (error != cudaSuccess) throw CommError(std::string(call) + ": " + cudaGetErrorString(error));
}

int ask_a_child_for_gpus() {
  const pid_t child = ::fork();
  if (child == 0) {
    int count = 0;
    ::_exit(cudaGetDeviceCount(&count) == cudaSuccess ? count : 0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 0;
  return WEXITSTATUS(status);
}

}  // namespace

int count_gpus() {
  const int gpus = ask_a_child_for_gpus();
  if (gpus == 0) {
    ADD_FAILURE() << "this test needs a GPU and its driver, and CUDA finds none here. scripts/gpu_check.sh runs the "
                     "tests labelled gpu on a machine that has one; elsewhere leave them out with ctest -LE gpu";
  }
  return gpus;
}

std::unique_ptr<Communicator> GpuRank::make(const std::string& name, NcclOptions options) const {
  options.rank = rank;
  options.size = size;
  options.device = device;
  options.name = name;
  options.timeout = std::chrono::seconds(60);
  return make_nccl(store, options);
}

void run_gpu_ranks(int ranks, const std::function<void(const GpuRank&)>& body, const std::vector<int>& lost) {
  const int gpus = count_gpus();
  if (gpus == 0) return;
  trireme::test::ProcessRanks world({.size = ranks, .deadline = std::chrono::minutes(4)},
                                    [&](const trireme::test::ProcessRank& rank) {
                                      if (ranks > gpus) {
                                        const auto host = "rank" + std::to_string(rank.rank());
                                        ::setenv("NCCL_HOSTID", host.c_str(), 1);
                                      }
                                      const int device = rank.rank() % gpus;
                                      check(cudaSetDevice(device), "cudaSetDevice");
                                      const auto store = rank.connect();
                                      body({rank.rank(), ranks, device, *store});
                                      return testing::Test::HasFailure() ? 1 : 0;
                                    });
  int number = 0;
  for (const auto& result : world.wait()) {
    const bool may_die = std::ranges::find(lost, number++) != lost.end();
    if (may_die) continue;
    EXPECT_EQ(result.exit_code, 0) << "rank " << number - 1 << ": " << result.report;
  }
}

GpuFloats::GpuFloats(std::size_t count) : count_(count) {
  check(cudaMalloc(reinterpret_cast<void**>(&data_), std::max<std::size_t>(count, 1) * sizeof(float)), "cudaMalloc");
}

GpuFloats::GpuFloats(MemoryPtr memory, std::size_t count)
    : memory_(std::move(memory)), data_(static_cast<float*>(memory_->data())), count_(count) {}

GpuFloats::~GpuFloats() {
  if (!memory_) (void)cudaFree(data_);
}

void GpuFloats::put(const std::vector<float>& values) {
  check(cudaMemcpy(data_, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice), "cudaMemcpy");
}

std::vector<float> GpuFloats::get() const {
  std::vector<float> values(count_);
  check(cudaMemcpy(values.data(), data_, count_ * sizeof(float), cudaMemcpyDeviceToHost), "cudaMemcpy");
  return values;
}

Buffer GpuFloats::view(int device) const {
  return {data_, static_cast<std::int64_t>(count_), Dtype::kFloat32, {Device::Kind::kCuda, device}};
}

GpuStream::GpuStream() {
  check(cudaStreamCreateWithFlags(reinterpret_cast<cudaStream_t*>(&stream_), cudaStreamNonBlocking),
        "cudaStreamCreateWithFlags");
}

GpuStream::~GpuStream() { (void)cudaStreamDestroy(static_cast<cudaStream_t>(stream_)); }

void GpuStream::synchronize() const {
  check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream_)), "cudaStreamSynchronize");
}

}  // namespace trireme::collectives::test
