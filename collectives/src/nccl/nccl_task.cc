#include "nccl_task.h"

namespace trireme::collectives {
namespace {

ncclDataType_t type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kUint8:
      return ncclUint8;
    case Dtype::kInt32:
      return ncclInt32;
    case Dtype::kInt64:
      return ncclInt64;
    case Dtype::kFloat16:
      return ncclFloat16;
    case Dtype::kBfloat16:
      return ncclBfloat16;
    case Dtype::kFloat32:
      return ncclFloat32;
    case Dtype::kFloat64:
      break;
  }
  return ncclFloat64;
}

ncclRedOp_t op_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return ncclSum;
    case ReduceOp::kAverage:
      return ncclAvg;
    case ReduceOp::kMin:
      return ncclMin;
    case ReduceOp::kMax:
      return ncclMax;
    case ReduceOp::kProduct:
      break;
  }
  return ncclProd;
}

// Operations without a buffer become a reduction of one number.
bool carries_data(OpKind kind) { return kind != OpKind::kBarrier && kind != OpKind::kAllocate; }

bool is_on_host(const Buffer& buffer) { return buffer.count > 0 && buffer.device.kind == Device::Kind::kCpu; }

}  // namespace

NcclTask::NcclTask(NcclTransport& transport, const Operation& operation)
    : transport_(transport),
      api_(*transport.api()),
      operation_(operation),
      end_(transport.api()),
      input_(operation.input.data),
      output_(operation.output.data) {
  end_.record(static_cast<cudaStream_t>(operation.stream.handle()));
  end_.hold(transport.stream());
  stage();
}

void NcclTask::copy(void* to, const void* from, std::size_t bytes) {
  check_cuda(api_, api_.memory_copy(to, from, bytes, transport_.stream()), "cudaMemcpyAsync");
}

// Puts device memory in place of what NCCL cannot use itself: host memory, and an all_to_all in place.
void NcclTask::stage() {
  const auto& [signature, input, output, tag, timeout, stream] = operation_;
  if (!carries_data(signature.kind)) {
    staged_input_.emplace(transport_.api(), sizeof(float));
    input_ = output_ = staged_input_->data();
    return;
  }
  const bool overwrites_itself = signature.kind == OpKind::kAllToAll && input.data == output.data && input.count > 0;
  if (is_on_host(output)) {
    staged_output_.emplace(transport_.api(), output.bytes());
    output_ = staged_output_->data();
    must_copy_out_ = true;
  }
  if (!is_on_host(input) && !overwrites_itself) return;
  staged_input_.emplace(transport_.api(), input.bytes());
  input_ = staged_input_->data();
  copy(staged_input_->data(), input.data, input.bytes());
  // A broadcast's buffer is input and output: what a root passes must also come out.
  if (must_copy_out_ && input.data == output.data) copy(output_, input.data, input.bytes());
}

ncclResult_t NcclTask::call() {
  const auto& signature = operation_.signature;
  const auto type = type_of(signature.dtype);
  const auto op = op_of(signature.op);
  const auto count = static_cast<std::size_t>(signature.count);
  const auto comm = transport_.comm();
  const auto stream = transport_.stream();
  switch (signature.kind) {
    case OpKind::kBarrier:
    case OpKind::kAllocate:
      return api_.all_reduce(input_, output_, 1, ncclFloat32, ncclSum, comm, stream);
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
  return ncclInvalidArgument;
}

void NcclTask::give_to_nccl() {
  const bool is_empty = carries_data(operation_.signature.kind) && operation_.signature.count == 0;
  if (!is_empty) check_nccl(api_, call(), to_string(operation_.signature.kind));
}

void NcclTask::mark_end() { end_.record(transport_.stream()); }

// Copying to pageable host memory blocks the host, so it waits until the operation itself is done.
Step NcclTask::advance() {
  transport_.start_messages();
  if (!end_.has_passed()) return Step::kBlocked;
  if (!must_copy_out_) return Step::kFinished;
  must_copy_out_ = false;
  copy(operation_.output.data, output_, operation_.output.bytes());
  mark_end();
  return Step::kMoved;
}

bool NcclTask::hold(Stream stream) {
  if (staged_output_) return false;
  transport_.start_messages();
  end_.hold(static_cast<cudaStream_t>(stream.handle()));
  return true;
}

}  // namespace trireme::collectives
