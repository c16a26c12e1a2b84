#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <vector>

#include "trireme/collectives/communicator.h"

// Collectives of tensors in the order of their device's work: an operation starts behind what the device's current
// stream was given before it, and what is given to that stream afterwards comes behind the result. On a CPU there are
// no streams, and the host waits.
namespace trireme {

// Empty for a tensor on a CPU.
[[nodiscard]] collectives::Stream current_stream(const at::Tensor& tensor);

[[nodiscard]] collectives::ReduceOptions reduce_behind(const at::Tensor& tensor, collectives::Timeout timeout);
[[nodiscard]] collectives::CommOptions move_behind(const at::Tensor& tensor, collectives::Timeout timeout);

// What is next given to the device of `tensor` sees the result. On a GPU the host does not wait.
void wait_for(collectives::Work& work, const at::Tensor& tensor);

// The streams of a GPU that wrote into a buffer: autograd runs a node in the stream of its forward pass, so gradients
// of one bucket may come from several. Does nothing for tensors on a CPU.
class WriterStreams {
 public:
  // The tensor was just written in its device's current stream.
  void note(const at::Tensor& tensor);
  // The current stream goes on once all of them are done with what they were given; they are forgotten.
  void join(const at::Tensor& tensor);

 private:
  std::vector<c10::Stream> streams_;
};

}  // namespace trireme
