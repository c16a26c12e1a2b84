#include "arguments.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

[[noreturn]] void refuse(const Caller& caller, const std::string& problem) {
  throw ConfigError(message("{} on rank {}/{}: {}", to_string(caller.kind), caller.rank, caller.size, problem));
}

std::string shape(const Buffer& buffer) { return message("{} {}", buffer.count, to_string(buffer.dtype)); }

}  // namespace

void check_buffer(const Caller& caller, const Buffer& buffer, const char* name) {
  if (buffer.count < 0) refuse(caller, message("{} has a count of {}", name, buffer.count));
  if (buffer.count > 0 && buffer.data == nullptr)
    refuse(caller, message("{} has {} but no address", name, shape(buffer)));
}

void refuse_device(const Caller& caller, const Buffer& buffer, const char* name) {
  const bool is_on_gpu = buffer.device.kind == Device::Kind::kCuda;
  refuse(caller, message("{} lies on {} {}, out of reach of this communicator; {}", name, is_on_gpu ? "GPU" : "CPU",
                         buffer.device.index, is_on_gpu ? "use nccl on that GPU, or copy first" : "use shm or mpi"));
}

void check_reduction(const Caller& caller, Dtype dtype, ReduceOp op) {
  if (op != ReduceOp::kAverage || is_floating(dtype)) return;
  refuse(caller, message("average of {} is not defined; reduce with sum and divide as you mean it", to_string(dtype)));
}

void check_rank(const Caller& caller, int rank, const char* name) {
  if (rank < 0 || rank >= caller.size)
    refuse(caller, message("{} is {}, not a rank of 0..{}", name, rank, caller.size - 1));
}

void check_tag(const Caller& caller, int tag, bool has_tags) {
  if (tag < 0) refuse(caller, message("the tag is {}; tags begin at 0", tag));
  if (tag > 0 && !has_tags) refuse(caller, message("the tag is {}; this backend matches by order alone: pass 0", tag));
}

void check_blocks(const Caller& caller, const Buffer& whole, const Buffer& part) {
  if (whole.dtype == part.dtype && whole.count == part.count * caller.size) return;
  refuse(caller, message("{} is not {} blocks of {}", shape(whole), caller.size, shape(part)));
}

void check_same_shape(const Caller& caller, const Buffer& input, const Buffer& output) {
  if (input.dtype == output.dtype && input.count == output.count) return;
  refuse(caller, message("input is {}, output is {}; they must be alike", shape(input), shape(output)));
}

void check_overlap(const Caller& caller, const Buffer& large, const Buffer& small, const void* in_place) {
  if (small.data == in_place || !overlap(large, small)) return;
  refuse(caller, "input and output overlap; pass the same view (in place) or separate ones");
}

}  // namespace trireme::collectives
