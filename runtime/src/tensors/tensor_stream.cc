#include "tensors/tensor_stream.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

namespace trireme {
namespace {

// CUDA's own name for the stream whose handle is null, which an empty Stream is not.
void* const kDefaultStream = reinterpret_cast<void*>(1);  // cudaStreamLegacy

c10::Stream stream_of(const at::Tensor& tensor) {
  return c10::impl::VirtualGuardImpl(tensor.device().type()).getStream(tensor.device());
}

}  // namespace

collectives::Stream current_stream(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return {};
  void* handle = stream_of(tensor).native_handle();
  return collectives::Stream(handle != nullptr ? handle : kDefaultStream);
}

collectives::ReduceOptions reduce_behind(const at::Tensor& tensor, collectives::Timeout timeout) {
  return {.timeout = timeout, .stream = current_stream(tensor)};
}

collectives::CommOptions move_behind(const at::Tensor& tensor, collectives::Timeout timeout) {
  return {.timeout = timeout, .stream = current_stream(tensor)};
}

void wait_for(collectives::Work& work, const at::Tensor& tensor) {
  const auto stream = current_stream(tensor);
  stream ? work.wait(stream) : work.wait();
}

void WriterStreams::note(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return;
  const auto stream = stream_of(tensor);
  if (std::ranges::find(streams_, stream) == streams_.end()) streams_.push_back(stream);
}

void WriterStreams::join(const at::Tensor& tensor) {
  if (streams_.empty()) return;
  const auto current = stream_of(tensor);
  for (const auto& stream : streams_) {
    if (stream == current) continue;
    c10::Event written(stream.device_type());
    written.record(stream);
    written.block(current);
  }
  streams_.clear();
}

}  // namespace trireme
