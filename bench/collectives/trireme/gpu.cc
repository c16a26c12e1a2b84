#include "gpu.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>

#include "../measure/exchange_buffers.h"
#include "../measure/start_line.h"
#include "trireme/base/error.h"
#include "world.h"

namespace trireme::bench {
namespace {

using collectives::Buffer;
using collectives::Device;
using collectives::Dtype;
using collectives::Stream;
using collectives::WorkPtr;

void check(cudaError_t code, const char* call) {
  if (code != cudaSuccess) throw CommError(std::string(call) + ": " + cudaGetErrorString(code));
}

class CudaStream {
 public:
  CudaStream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
  ~CudaStream() { cudaStreamDestroy(stream_); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  void synchronize() const { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }
  [[nodiscard]] Stream handle() const noexcept { return Stream(stream_); }

 private:
  cudaStream_t stream_ = nullptr;
};

// Host memory in the place of a system's: producer and check work there.
class HostMemory final : public System {
 public:
  [[nodiscard]] bool prefers_in_place(Operation) const override { return true; }
  [[nodiscard]] Region allocate(std::int64_t count, BufferKind) override { return allocate_foreign(count); }
  void run(const Exchange&) override {}
};

class GpuOperation {
 public:
  GpuOperation(collectives::Communicator& communicator, int device, const Request& request)
      : communicator_(communicator), device_{Device::Kind::kCuda, device}, request_(request) {
    const auto count = request.bytes / static_cast<std::int64_t>(sizeof(float));
    sizes_ = extents(request.operation, count, communicator.size(), true);
    if (sizes_.input > 0) first_ = allocate(sizes_.input);
    if (sizes_.output > 0) second_ = allocate(sizes_.output);
    exchange_ =
        lay_out(request.operation, count, communicator.rank(), communicator.size(), first_.get(), second_.get());
  }

  // Queues the operation behind what is on the stream, and what follows on it behind the operation.
  void enqueue(const CudaStream& stream) {
    for (const WorkPtr& work : post(stream.handle())) work->wait(stream.handle());
  }

  // Elements that one operation gets wrong.
  std::int64_t count_wrong(const CudaStream& stream) {
    HostMemory memory;
    ExchangeBuffers host(memory, request_, communicator_.rank(), communicator_.size());
    host.produce(1);
    copy(host.exchange(), cudaMemcpyHostToDevice);
    enqueue(stream);
    stream.synchronize();
    copy(host.exchange(), cudaMemcpyDeviceToHost);
    return host.count_wrong(1);
  }

 private:
  Region allocate(std::int64_t count) {
    const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
    if (request_.kind == BufferKind::kArena) {
      const collectives::MemoryPtr memory = communicator_.allocate(bytes);
      return {memory, static_cast<float*>(memory->data())};
    }
    void* memory = nullptr;
    check(cudaMalloc(&memory, bytes), "cudaMalloc");
    return {static_cast<float*>(memory), [](float* owned) { cudaFree(owned); }};
  }

  // The whole buffers: the host's are laid out alike.
  void copy(const Exchange& host, cudaMemcpyKind kind) {
    float* const host_first = host.input - (exchange_.input - first_.get());
    float* const host_second = host.output - (exchange_.output - (second_ ? second_.get() : first_.get()));
    copy_region(first_.get(), host_first, sizes_.input, kind);
    copy_region(second_.get(), host_second, sizes_.output, kind);
  }

  static void copy_region(float* device, float* host, std::int64_t count, cudaMemcpyKind kind) {
    const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
    const bool to_device = kind == cudaMemcpyHostToDevice;
    if (bytes > 0) check(cudaMemcpy(to_device ? device : host, to_device ? host : device, bytes, kind), "cudaMemcpy");
  }

  [[nodiscard]] Buffer view(float* data, std::int64_t count) const { return {data, count, Dtype::kFloat32, device_}; }

  std::vector<WorkPtr> post(Stream stream) {
    const std::int64_t count = exchange_.count;
    const int ranks = communicator_.size();
    const std::int64_t block = count / ranks;
    float* const input = exchange_.input;
    float* const output = exchange_.output;
    const collectives::ReduceOptions reduce{.stream = stream};
    const collectives::CommOptions move{.stream = stream};
    switch (exchange_.operation) {
      case Operation::kAllReduce:
        return {communicator_.all_reduce(view(input, count), reduce)};
      case Operation::kReduceScatter:
        return {communicator_.reduce_scatter(view(input, count), view(output, block), reduce)};
      case Operation::kAllGather:
        return {communicator_.all_gather(view(input, block), view(output, count), move)};
      case Operation::kBroadcast:
        return {communicator_.broadcast(view(input, count), kRoot, move)};
      case Operation::kReduce:
        return {communicator_.reduce(view(input, count), view(output, count), kRoot, reduce)};
      case Operation::kGather:
        return {communicator_.gather(view(input, block), view(output, count), kRoot, move)};
      case Operation::kScatter:
        return {communicator_.scatter(view(input, count), view(output, block), kRoot, move)};
      case Operation::kAllToAll:
        return {communicator_.all_to_all(view(input, count), view(output, count), move)};
      case Operation::kSendReceive:
        return send_and_receive(move);
      case Operation::kBarrier:
        communicator_.barrier(move);
        return {};
    }
    return {};
  }

  // Odd ranks receive first: messages on one stream run one after the other, so if all sent first none would arrive.
  std::vector<WorkPtr> send_and_receive(const collectives::CommOptions& options) {
    const int rank = communicator_.rank();
    const int ranks = communicator_.size();
    const auto send = [&] {
      return communicator_.send(view(exchange_.input, exchange_.count), (rank + 1) % ranks, 0, options);
    };
    const auto receive = [&] {
      return communicator_.receive(view(exchange_.output, exchange_.count), (rank + ranks - 1) % ranks, 0, options);
    };
    if (rank % 2 == 1) {
      const WorkPtr received = receive();
      return {received, send()};
    }
    const WorkPtr sent = send();
    return {sent, receive()};
  }

  collectives::Communicator& communicator_;
  Device device_;
  Request request_;
  Extents sizes_;
  Region first_;
  Region second_;
  Exchange exchange_;
};

double seconds_of_batch(GpuOperation& operation, const CudaStream& stream, StartLine& line, int operations) {
  line.wait();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < operations; ++i) operation.enqueue(stream);
  stream.synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / operations;
}

Measurement measure_gpu(collectives::Communicator& communicator, int device, StartLine& line, const Request& request) {
  constexpr int kBatch = 20;  // nccl-tests' default
  constexpr int kWarmUps = 5;
  const CudaStream stream;
  GpuOperation operation(communicator, device, request);
  Measurement result;
  result.wrong = line.sum(operation.count_wrong(stream));
  seconds_of_batch(operation, stream, line, kWarmUps);
  const double one = line.largest(seconds_of_batch(operation, stream, line, kWarmUps));
  const double affordable = request.budget_seconds / (one * kBatch);
  std::vector<double> batches(
      static_cast<std::size_t>(std::clamp<double>(affordable, request.minimum_samples, kMaxSamples)));
  for (double& seconds : batches) seconds = seconds_of_batch(operation, stream, line, kBatch);
  const std::vector<double> times = line.largest_of_each(batches);
  result.median_us = median(times) * 1e6;
  result.p90_us = ninth_decile(times) * 1e6;
  result.samples = static_cast<int>(times.size()) * kBatch;
  return result;
}

}  // namespace

int serve_gpu(const RankOptions& options, const RankEnvironment& environment) {
  check(cudaSetDevice(environment.local_rank), "cudaSetDevice");
  const World world = open_world("nccl", environment);
  StartLine line(options.page, environment.rank, environment.world_size);
  return answer_driver(options.socket, environment.rank, [&](const Request& request) {
    return describe(measure_gpu(*world.communicator, environment.local_rank, line, request));
  });
}

}  // namespace trireme::bench
