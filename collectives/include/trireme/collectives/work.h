#pragma once

#include <chrono>
#include <exception>
#include <memory>

#include "trireme/collectives/buffer.h"

namespace trireme::collectives {

// A posted operation. Shared by the caller and the communicator; the caller keeps the buffers alive until it is done.
//
// CPU backends have no thread by default: wait() and done() progress whatever is ready, in the order posted.
// Not thread-safe against other calls on the same communicator.
class Work {
 public:
  virtual ~Work() = default;
  // Blocks the host until the result is in the buffers. Throws what error() holds: TimeoutError, PeerLostError,
  // MismatchError or CommError; the communicator is dead afterwards.
  virtual void wait() = 0;
  // Makes `stream` wait instead of the host. On a CPU the same as wait().
  virtual void wait(Stream stream) = 0;
  // True once the result is there or the operation failed. Makes progress, never blocks, never throws.
  [[nodiscard]] virtual bool done() = 0;
  // Null until failed.
  [[nodiscard]] virtual std::exception_ptr error() const = 0;
};

using WorkPtr = std::shared_ptr<Work>;

}  // namespace trireme::collectives
