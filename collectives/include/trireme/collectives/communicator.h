#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "trireme/collectives/buffer.h"
#include "trireme/collectives/work.h"

namespace trireme::collectives {

using Timeout = std::chrono::milliseconds;
inline constexpr Timeout kDefaultTimeout = std::chrono::minutes(5);

struct ReduceOptions {
  ReduceOp op = ReduceOp::kSum;
  Timeout timeout = kDefaultTimeout;
  Stream stream = {};
};

struct CommOptions {
  Timeout timeout = kDefaultTimeout;
  Stream stream = {};
};

// Memory that a communicator can reduce without copies. Zeroed, 2 MiB aligned, shared ownership: it outlives the
// communicator that made it, and stays arena memory for every later communicator whose ranks all map it.
class Memory {
 public:
  virtual ~Memory() = default;
  [[nodiscard]] virtual void* data() const noexcept = 0;
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
  // Whose memory it is.
  [[nodiscard]] virtual Device device() const noexcept { return {}; }
  // Where the memory lies, in this process, that rank `rank` of the communicator got from the same allocate(); null
  // where this process cannot reach it. Pages that nobody touches cost nothing, so ranks of a node that work on one
  // rank's memory have one copy between them. Reading and writing are the callers' to order (barrier()).
  [[nodiscard]] virtual void* part(int rank) const noexcept {
    static_cast<void>(rank);
    return nullptr;
  }
};
using MemoryPtr = std::shared_ptr<Memory>;

// A fixed group of ranks that run the same operations in the same order.
//
// Lifetime: made by a backend's factory (single.h, shm.h, mpi.h) or by split(); destroyed without talking to peers.
// Threads: one thread at a time per communicator.
// Order of sums: by slice owner, in rank order 0..size-1, on every CPU backend; so results are the same bits on every
// rank, from run to run, and for any bucket layout. Sums of bf16 and fp16 are kept in fp32 and rounded once.
// Failure: an operation that throws CommError leaves the communicator dead on this rank; every later call but abort()
// and the destructor throws CommError. Disagreement between ranks (op, count, dtype) throws MismatchError on all.
// Buffers: `input` and `output` are either the same view (in place) or do not overlap.
class Communicator {
 public:
  virtual ~Communicator() = default;

  [[nodiscard]] virtual int rank() const noexcept = 0;
  [[nodiscard]] virtual int size() const noexcept = 0;
  // "single", "shm", "mpi", … for logs.
  [[nodiscard]] virtual std::string_view backend() const noexcept = 0;

  // Collective: same size and order on all ranks. bytes may be 0.
  [[nodiscard]] virtual MemoryPtr allocate(std::size_t bytes) = 0;

  // output[i] = op over ranks of input[i]. Counts and dtypes equal on all ranks.
  [[nodiscard]] virtual WorkPtr all_reduce(Buffer input, Buffer output, const ReduceOptions& options = {}) = 0;
  // input: size() * output.count elements; rank r gets the reduction of block r. In place: output is block rank() of
  // input.
  [[nodiscard]] virtual WorkPtr reduce_scatter(Buffer input, Buffer output, const ReduceOptions& options = {}) = 0;
  // output: size() * input.count elements; block r is rank r's input. In place: input is block rank() of output.
  [[nodiscard]] virtual WorkPtr all_gather(Buffer input, Buffer output, const CommOptions& options = {}) = 0;
  [[nodiscard]] virtual WorkPtr broadcast(Buffer buffer, int root, const CommOptions& options = {}) = 0;
  // output is read on root only.
  [[nodiscard]] virtual WorkPtr reduce(Buffer input, Buffer output, int root, const ReduceOptions& options = {}) = 0;
  // output: size() * input.count elements, on root only.
  [[nodiscard]] virtual WorkPtr gather(Buffer input, Buffer output, int root, const CommOptions& options = {}) = 0;
  // input: size() * output.count elements, on root only.
  [[nodiscard]] virtual WorkPtr scatter(Buffer input, Buffer output, int root, const CommOptions& options = {}) = 0;
  // Block r of input goes to rank r; block r of output comes from rank r. Counts are equal and multiples of size().
  [[nodiscard]] virtual WorkPtr all_to_all(Buffer input, Buffer output, const CommOptions& options = {}) = 0;
  // Point to point, matched by (peer, tag) in the order posted.
  [[nodiscard]] virtual WorkPtr send(Buffer buffer, int peer, int tag, const CommOptions& options = {}) = 0;
  [[nodiscard]] virtual WorkPtr receive(Buffer buffer, int peer, int tag, const CommOptions& options = {}) = 0;

  // Blocking. Returns when every rank has entered.
  virtual void barrier(const CommOptions& options = {}) = 0;
  // Blocking. Every rank's bytes, in rank order; sizes may differ.
  [[nodiscard]] virtual std::vector<std::string> all_gather_bytes(std::string_view bytes,
                                                                  const CommOptions& options = {}) = 0;
  // Blocking. root's bytes on every rank.
  [[nodiscard]] virtual std::string broadcast_bytes(std::string_view bytes, int root,
                                                    const CommOptions& options = {}) = 0;

  // Collective. Ranks of equal color form a new communicator, ordered by (key, rank). color < 0: this rank gets null.
  [[nodiscard]] virtual std::unique_ptr<Communicator> split(int color, int key) = 0;

  // What is posted in between may start together at the end, which nccl does cheaper than one by one; elsewhere these
  // do nothing. The same on all ranks. Waiting for a work starts all that was posted so far. See PostingGroup.
  virtual void begin_group() {}
  virtual void end_group() {}

  // Makes pending and later operations of this rank, and of peers that wait for it, fail with CommError. Not
  // collective. The one call that any thread may make at any time.
  virtual void abort(std::string_view reason) = 0;

  // In place.
  [[nodiscard]] WorkPtr all_reduce(Buffer buffer, const ReduceOptions& options = {}) {
    return all_reduce(buffer, buffer, options);
  }
};

// Groups what is posted during its life.
class PostingGroup {
 public:
  explicit PostingGroup(Communicator& communicator) : communicator_(communicator) { communicator_.begin_group(); }
  // Does not throw: what goes wrong, the works tell.
  ~PostingGroup() {
    try {
      communicator_.end_group();
    } catch (...) {
    }
  }
  PostingGroup(const PostingGroup&) = delete;
  PostingGroup& operator=(const PostingGroup&) = delete;

 private:
  Communicator& communicator_;
};

}  // namespace trireme::collectives
