#include "posted_call.h"

#include <stdexcept>

namespace trireme::soak {

namespace {

using collectives::Communicator;

bool has_blocks_in(CallKind kind) {
  return kind == CallKind::kReduceScatter || kind == CallKind::kScatter || kind == CallKind::kAllToAll;
}
bool has_blocks_out(CallKind kind) {
  return kind == CallKind::kAllGather || kind == CallKind::kGather || kind == CallKind::kAllToAll;
}
Call fitted(Call call, int ranks) {
  call.root %= ranks;
  return call;
}

}  // namespace

PostedCall::PostedCall(Communicator& communicator, CallMemory& memory, const Call& call, std::uint64_t salt,
                       std::chrono::milliseconds timeout)
    : call_(fitted(call, communicator.size())), party_{communicator.rank(), communicator.size(), salt} {
  const bool is_root = party_.rank == call_.root;
  const bool reads = call_.kind != CallKind::kScatter || is_root;
  const bool gets = is_root || (call_.kind != CallKind::kReduce && call_.kind != CallKind::kGather);
  input_ = take(memory, has_blocks_in(call_.kind) ? party_.size : 1, reads);
  output_ = take(memory, has_blocks_out(call_.kind) ? party_.size : 1, gets);
  if (call_.kind == CallKind::kBroadcast || (call_.is_in_place && gets && reads)) share_buffer();
  if (reads) fill(call_, party_, party_.rank, input_);
  post(communicator, timeout);
}

// In place: the smaller buffer is this rank's block of the larger one.
void PostedCall::share_buffer() {
  const auto own = party_.rank * call_.count;
  if (call_.kind == CallKind::kReduceScatter || call_.kind == CallKind::kScatter) {
    output_ = input_.slice(own, call_.count);
  } else if (call_.kind == CallKind::kAllGather || call_.kind == CallKind::kGather) {
    input_ = output_.slice(own, call_.count);
  } else if (call_.kind != CallKind::kRing) {
    output_ = input_;
  }
}

collectives::Buffer PostedCall::take(CallMemory& memory, std::int64_t blocks, bool has_it) const {
  const auto count = has_it ? call_.count * blocks : 0;
  const bool from_arena =
      call_.buffer == BufferKind::kArena || (call_.buffer == BufferKind::kMixed && party_.rank % 2 == 1);
  const auto bytes = static_cast<std::size_t>(count) * size_of(call_.dtype);
  return {memory.take(bytes, call_.offset, from_arena), count, call_.dtype, {}};
}

void PostedCall::post(Communicator& c, std::chrono::milliseconds timeout) {
  const collectives::ReduceOptions reducing{.op = call_.op, .timeout = timeout};
  const collectives::CommOptions moving{.timeout = timeout};
  constexpr int kTag = 7;
  switch (call_.kind) {
    case CallKind::kAllReduce:
      return works_.push_back(c.all_reduce(input_, output_, reducing));
    case CallKind::kReduceScatter:
      return works_.push_back(c.reduce_scatter(input_, output_, reducing));
    case CallKind::kAllGather:
      return works_.push_back(c.all_gather(input_, output_, moving));
    case CallKind::kBroadcast:
      return works_.push_back(c.broadcast(input_, call_.root, moving));
    case CallKind::kReduce:
      return works_.push_back(c.reduce(input_, output_, call_.root, reducing));
    case CallKind::kGather:
      return works_.push_back(c.gather(input_, output_, call_.root, moving));
    case CallKind::kScatter:
      return works_.push_back(c.scatter(input_, output_, call_.root, moving));
    case CallKind::kAllToAll:
      return works_.push_back(c.all_to_all(input_, output_, moving));
    case CallKind::kRing:
      works_.push_back(c.send(input_, (party_.rank + 1) % party_.size, kTag, moving));
      return works_.push_back(c.receive(output_, (party_.rank + party_.size - 1) % party_.size, kTag, moving));
    case CallKind::kBarrier:
      return c.barrier(moving);
  }
}

std::exception_ptr PostedCall::error() const {
  for (const auto& work : works_) {
    if (work->error()) return work->error();
  }
  return nullptr;
}

void PostedCall::wait() {
  for (const auto& work : works_) work->wait();
  if (const auto wrong = find_wrong(call_, party_, output_)) throw std::logic_error(*wrong);
}

}  // namespace trireme::soak
