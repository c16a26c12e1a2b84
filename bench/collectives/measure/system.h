#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "operation.h"

namespace trireme::bench {

enum class BufferKind {
  kArena,    // the system's own memory for collectives (Communicator::allocate)
  kForeign,  // ordinary memory, page aligned
};

// One operation on one rank. Pointers of sides the operation does not use on this rank are null or not to be touched.
// When the two are in place, `output` is `input`, or this rank's block of it (reduce_scatter), or `input` is this
// rank's block of `output` (all_gather).
struct Exchange {
  Operation operation = Operation::kBarrier;
  std::int64_t count = 0;  // see Extents
  float* input = nullptr;
  float* output = nullptr;
};

using Region = std::shared_ptr<float>;

// The exchange of `rank` over memory of Extents: `first` for the input, `second` for the output, null when in place.
[[nodiscard]] Exchange lay_out(Operation operation, std::int64_t count, int rank, int ranks, float* first,
                               float* second);

// One rank of one system under test.
class System {
 public:
  virtual ~System() = default;
  // True where the operation is done in place, for reduce_scatter and all_gather: what the system does best.
  [[nodiscard]] virtual bool prefers_in_place(Operation operation) const = 0;
  // Collective. Throws where the system has no such memory.
  [[nodiscard]] virtual Region allocate(std::int64_t count, BufferKind kind) = 0;
  // Blocks until this rank's output is there and its input may be rewritten.
  virtual void run(const Exchange& exchange) = 0;
};

// Page aligned memory of this process.
[[nodiscard]] Region allocate_foreign(std::int64_t count);

}  // namespace trireme::bench
