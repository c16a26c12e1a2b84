#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "engine.h"

namespace trireme::collectives {

// The Communicator of every backend: checks arguments, then posts an Operation to the engine of its transport.
//
// Wrong arguments throw ConfigError before anything is posted. Threads and failure: as Communicator.
class PostingCommunicator final : public Communicator {
 public:
  // `name` tells communicators apart in the flight record; the same on all ranks.
  explicit PostingCommunicator(std::unique_ptr<Transport> transport, std::string name = "world");
  ~PostingCommunicator() override;
  PostingCommunicator(const PostingCommunicator&) = delete;
  PostingCommunicator& operator=(const PostingCommunicator&) = delete;

  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return size_; }
  [[nodiscard]] std::string_view backend() const noexcept override { return transport().name(); }

  [[nodiscard]] MemoryPtr allocate(std::size_t bytes) override;

  using Communicator::all_reduce;
  [[nodiscard]] WorkPtr all_reduce(Buffer input, Buffer output, const ReduceOptions& options) override;
  [[nodiscard]] WorkPtr reduce_scatter(Buffer input, Buffer output, const ReduceOptions& options) override;
  [[nodiscard]] WorkPtr all_gather(Buffer input, Buffer output, const CommOptions& options) override;
  [[nodiscard]] WorkPtr broadcast(Buffer buffer, int root, const CommOptions& options) override;
  [[nodiscard]] WorkPtr reduce(Buffer input, Buffer output, int root, const ReduceOptions& options) override;
  [[nodiscard]] WorkPtr gather(Buffer input, Buffer output, int root, const CommOptions& options) override;
  [[nodiscard]] WorkPtr scatter(Buffer input, Buffer output, int root, const CommOptions& options) override;
  [[nodiscard]] WorkPtr all_to_all(Buffer input, Buffer output, const CommOptions& options) override;
  [[nodiscard]] WorkPtr send(Buffer buffer, int peer, int tag, const CommOptions& options) override;
  [[nodiscard]] WorkPtr receive(Buffer buffer, int peer, int tag, const CommOptions& options) override;

  void barrier(const CommOptions& options) override;
  [[nodiscard]] std::vector<std::string> all_gather_bytes(std::string_view bytes, const CommOptions& options) override;
  [[nodiscard]] std::string broadcast_bytes(std::string_view bytes, int root, const CommOptions& options) override;
  [[nodiscard]] std::unique_ptr<Communicator> split(int color, int key) override;
  void begin_group() override;
  void end_group() override;
  void abort(std::string_view reason) override;

  // What the backend provides; for functions of a backend that take any Communicator.
  [[nodiscard]] Transport& transport() const noexcept { return engine_->transport(); }
  // For communicators that are made of others.
  [[nodiscard]] Engine& engine() const noexcept { return *engine_; }

 private:
  PostingCommunicator(std::unique_ptr<Transport> transport, std::string name, std::vector<int> members);
  template <typename Options>
  [[nodiscard]] WorkPtr post(const Signature& signature, const Buffer& input, const Buffer& output,
                             const Options& options, int tag = 0);
  [[nodiscard]] std::unique_ptr<Communicator> make_subgroup(std::unique_ptr<Transport> transport, const Subgroup& group,
                                                            std::vector<int> members) const;
  void check_reachable(const Caller& caller, const Buffer& buffer, const char* name) const;

  const std::shared_ptr<Engine> engine_;  // shared with unfinished works
  const int rank_;
  const int size_;
  const std::string name_;
  const std::vector<int> members_;  // of a subgroup: ranks in the communicator that was first split; else empty
  int splits_ = 0;
};

}  // namespace trireme::collectives
