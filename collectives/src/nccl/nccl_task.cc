#include "nccl_task.h"

#include "../operation_layout.h"

namespace trireme::collectives {
namespace {

bool is_on_host(const Buffer& buffer) { return buffer.count > 0 && buffer.device.kind == Device::Kind::kCpu; }

}  // namespace

NcclTask::NcclTask(NcclTransport& transport, const Operation& operation, const Call& call)
    : transport_(transport),
      api_(*transport.api()),
      operation_(operation),
      question_{.call = call},
      launch_(std::make_shared<Launch>(transport.events(), call, operation.timeout)),
      input_(operation.input.data),
      output_(operation.output.data),
      has_host_output_(has_output(operation.signature, transport.rank()) && is_on_host(operation.output)) {
  CudaEvent ready(transport.events());
  ready.record(static_cast<CudaStreamHandle>(operation.stream.handle()));
  ready.hold(transport.stream());
}

void NcclTask::prepare() {
  stage();
  launch_->begin.record(transport_.stream());
}

void NcclTask::copy(void* to, const void* from, std::size_t bytes, CudaStreamHandle stream) {
  check_cuda(api_, api_.memory_copy(to, from, bytes, stream), "cudaMemcpyAsync");
}

// Puts device memory in place of what NCCL cannot use itself: host memory, and an all_to_all in place.
void NcclTask::stage() {
  const auto& [signature, input, output, tag, timeout, stream] = operation_;
  // Operations without a buffer become a reduction of one number.
  if (!carries_data(signature.kind)) {
    input_ = output_ = transport_.scratch();
    return;
  }
  const bool overwrites_itself = signature.kind == OpKind::kAllToAll && input.data == output.data && input.count > 0;
  if (has_host_output_) {
    staged_output_.emplace(transport_.api(), transport_.stream(), output.bytes());
    output_ = staged_output_->data();
  }
  if (signature.kind == OpKind::kBroadcast) input_ = output_;
  if (!has_input(signature, transport_.rank()) || (!is_on_host(input) && !overwrites_itself)) return;
  staged_input_.emplace(transport_.api(), transport_.stream(), input.bytes());
  input_ = staged_input_->data();
  copy(staged_input_->data(), input.data, input.bytes(), transport_.stream());
  if (signature.kind == OpKind::kBroadcast) output_ = staged_input_->data();
}

NcclResult NcclTask::call(NcclCommHandle comm) {
  const auto& signature = operation_.signature;
  const auto type = signature.dtype;
  const auto op = signature.op;
  const auto count = static_cast<std::size_t>(signature.count);
  auto* const stream = transport_.stream();
  switch (signature.kind) {
    case OpKind::kBarrier:
    case OpKind::kAllocate:
      return api_.all_reduce(input_, output_, 1, Dtype::kFloat32, ReduceOp::kSum, comm, stream);
    case OpKind::kAllReduce:
      return api_.all_reduce(input_, output_, count, type, op, comm, stream);
    case OpKind::kReduceScatter:
      return api_.reduce_scatter(input_, output_, count, type, op, comm, stream);
    case OpKind::kReduce:
      return api_.reduce(input_, output_, count, type, op, signature.root, comm, stream);
    case OpKind::kAllGather:
      return api_.all_gather(input_, output_, count, type, comm, stream);
    case OpKind::kBroadcast:
      return api_.broadcast(input_, output_, count, type, signature.root, comm, stream);
    case OpKind::kGather:
      return api_.gather(input_, output_, count, type, signature.root, comm, stream);
    case OpKind::kScatter:
      return api_.scatter(input_, output_, count, type, signature.root, comm, stream);
    case OpKind::kAllToAll:
      return api_.all_to_all(input_, output_, count / static_cast<std::size_t>(transport_.size()), type, comm, stream);
    case OpKind::kSend:
      return api_.send(input_, count, type, signature.root, comm, stream);
    case OpKind::kReceive:
      return api_.receive(output_, count, type, signature.root, comm, stream);
  }
  return NcclResult::kInvalidUsage;
}

void NcclTask::give_to_nccl(NcclCommHandle comm) {
  const bool is_empty = carries_data(operation_.signature.kind) && operation_.signature.count == 0;
  if (!is_empty) check_nccl(api_, call(comm), to_string(operation_.signature.kind), comm);
}

void NcclTask::mark_end() {
  launch_->end.record(transport_.stream());
  has_started_ = true;
  transport_.watch().add(launch_);
}

bool NcclTask::has_ended() { return has_started_ && transport_.watch().has_ended(*launch_); }

// What ended before a failure counts, so that is asked first.
Step NcclTask::advance() {
  if (!has_ended()) {
    transport_.progress();
    if (!has_ended()) return Step::kBlocked;
  }
  return !has_host_output_ || is_copied_out() ? Step::kFinished : Step::kMoved;
}

// Copying to pageable host memory blocks the host, so it waits until the operation itself is done. What comes after it
// in the stream of operations waits for the copy: the staged memory is given back there.
bool NcclTask::is_copied_out() {
  if (is_copied_out_ || !has_ended()) return is_copied_out_;
  if (copied_out_) return is_copied_out_ = copied_out_->has_passed();
  copy(operation_.output.data, output_, operation_.output.bytes(), transport_.copies());
  copied_out_.emplace(transport_.events());
  copied_out_->record(transport_.copies());
  copied_out_->hold(transport_.stream());
  return false;
}

std::vector<int> NcclTask::missing() const {
  const auto& signature = operation_.signature;
  if (is_point_to_point(signature.kind)) return {signature.root};
  return transport_.watch().behind(signature.sequence);
}

bool NcclTask::hold(Stream stream) {
  if (has_host_output_) return false;
  transport_.wait_until_started(*this);
  launch_->end.hold(static_cast<CudaStreamHandle>(stream.handle()));
  return true;
}

}  // namespace trireme::collectives
