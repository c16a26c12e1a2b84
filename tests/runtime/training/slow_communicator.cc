#include "training/slow_communicator.h"

#include <random>
#include <thread>

namespace trireme::test {
namespace {

using namespace collectives;

class SlowWork final : public Work {
 public:
  SlowWork(WorkPtr inner, std::chrono::steady_clock::time_point ready) : inner_(std::move(inner)), ready_(ready) {}
  void wait() override {
    inner_->wait();
    std::this_thread::sleep_until(ready_);
  }
  void wait(Stream) override { wait(); }
  bool done() override { return inner_->done() && std::chrono::steady_clock::now() >= ready_; }
  std::exception_ptr error() const override { return inner_->error(); }

 private:
  WorkPtr inner_;
  std::chrono::steady_clock::time_point ready_;
};

class SlowCommunicator final : public Communicator {
 public:
  SlowCommunicator(std::unique_ptr<Communicator> inner, Delay delay)
      : inner_(std::move(inner)), delay_(std::move(delay)) {}

  using Communicator::all_reduce;
  WorkPtr all_reduce(Buffer input, Buffer output, const ReduceOptions& options) override {
    return later(inner_->all_reduce(input, output, options));
  }

  int rank() const noexcept override { return inner_->rank(); }
  int size() const noexcept override { return inner_->size(); }
  std::string_view backend() const noexcept override { return "slow"; }
  MemoryPtr allocate(std::size_t bytes) override { return inner_->allocate(bytes); }
  WorkPtr reduce_scatter(Buffer input, Buffer output, const ReduceOptions& options) override {
    return later(inner_->reduce_scatter(input, output, options));
  }
  WorkPtr all_gather(Buffer input, Buffer output, const CommOptions& options) override {
    return later(inner_->all_gather(input, output, options));
  }
  WorkPtr broadcast(Buffer buffer, int root, const CommOptions& options) override {
    return later(inner_->broadcast(buffer, root, options));
  }
  WorkPtr reduce(Buffer input, Buffer output, int root, const ReduceOptions& options) override {
    return later(inner_->reduce(input, output, root, options));
  }
  WorkPtr gather(Buffer input, Buffer output, int root, const CommOptions& options) override {
    return later(inner_->gather(input, output, root, options));
  }
  WorkPtr scatter(Buffer input, Buffer output, int root, const CommOptions& options) override {
    return later(inner_->scatter(input, output, root, options));
  }
  WorkPtr all_to_all(Buffer input, Buffer output, const CommOptions& options) override {
    return later(inner_->all_to_all(input, output, options));
  }
  WorkPtr send(Buffer buffer, int peer, int tag, const CommOptions& options) override {
    return inner_->send(buffer, peer, tag, options);
  }
  WorkPtr receive(Buffer buffer, int peer, int tag, const CommOptions& options) override {
    return inner_->receive(buffer, peer, tag, options);
  }
  void barrier(const CommOptions& options) override {
    std::this_thread::sleep_for(delay_());
    inner_->barrier(options);
  }
  std::vector<std::string> all_gather_bytes(std::string_view bytes, const CommOptions& options) override {
    return inner_->all_gather_bytes(bytes, options);
  }
  std::string broadcast_bytes(std::string_view bytes, int root, const CommOptions& options) override {
    return inner_->broadcast_bytes(bytes, root, options);
  }
  std::unique_ptr<Communicator> split(int color, int key) override {
    return make_slow(inner_->split(color, key), delay_);
  }
  void abort(std::string_view reason) override { inner_->abort(reason); }

 private:
  [[nodiscard]] WorkPtr later(WorkPtr work) const {
    return std::make_shared<SlowWork>(std::move(work), std::chrono::steady_clock::now() + delay_());
  }

  std::unique_ptr<Communicator> inner_;
  Delay delay_;
};

}  // namespace

std::unique_ptr<Communicator> make_slow(std::unique_ptr<Communicator> inner, Delay delay) {
  return std::make_unique<SlowCommunicator>(std::move(inner), std::move(delay));
}

Delay uneven_delays(int rank) {
  return [random = std::make_shared<std::minstd_rand>(static_cast<unsigned>(rank + 1))] {
    return std::chrono::milliseconds((*random)() % 3);
  };
}

}  // namespace trireme::test
