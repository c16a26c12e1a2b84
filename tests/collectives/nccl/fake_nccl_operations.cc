#include <algorithm>

#include "fake_nccl_state.h"
#include "operation_layout.h"
#include "reduce/reduce.h"

// NCCL's collectives and messages: they go into a stream, and end when every rank's stream has come to them.
namespace trireme::collectives::test {
namespace {

std::byte* at(void* data, std::size_t index, std::size_t bytes) {
  return static_cast<std::byte*>(data) + index * bytes;
}

}  // namespace

void FakeNcclWorld::compute(Clique& clique, Collective& collective) {
  auto& ranks = collective.by_rank;
  const auto& first = ranks.at(0);
  const auto bytes = first.count * size_of(first.type);
  const auto count = static_cast<std::int64_t>(first.count);
  std::vector<std::vector<std::byte>> inputs;  // copies: outputs may lie where inputs do
  const bool reduces = is_reduction(first.kind);
  const bool has_blocks = has_block_per_rank(first.kind);
  for (int rank = 0; rank < clique.size; ++rank) {
    const bool reads = first.kind != OpKind::kScatter || rank == first.root;
    const auto length = reads ? bytes * (has_blocks ? static_cast<std::size_t>(clique.size) : 1) : 0;
    inputs.emplace_back(length);
    copy_bytes(inputs.back().data(), ranks.at(rank).input, length);
  }
  const auto reduced = [&](std::size_t block) {
    std::vector<const void*> pieces;
    for (auto& input : inputs) pieces.push_back(at(input.data(), block, bytes));
    std::vector<std::byte> result(bytes);
    reduce_in_order(pieces, result.data(), count, first.type, first.op);
    return result;
  };
  std::vector<std::byte> sum;
  if (reduces && first.kind != OpKind::kReduceScatter) sum = reduced(0);
  for (int rank = 0; rank < clique.size; ++rank) {
    void* const output = ranks.at(rank).output;
    const auto own = static_cast<std::size_t>(rank);
    if (first.kind == OpKind::kReduceScatter) {
      copy_bytes(output, reduced(own).data(), bytes);
    } else if (reduces) {
      if (first.kind == OpKind::kAllReduce || rank == first.root) copy_bytes(output, sum.data(), bytes);
    } else if (first.kind == OpKind::kBroadcast) {
      copy_bytes(output, inputs[static_cast<std::size_t>(first.root)].data(), bytes);
    } else if (first.kind == OpKind::kScatter) {
      copy_bytes(output, at(inputs[static_cast<std::size_t>(first.root)].data(), own, bytes), bytes);
    } else if (first.kind == OpKind::kAllToAll) {
      for (std::size_t peer = 0; peer < inputs.size(); ++peer) {
        copy_bytes(at(output, peer, bytes), at(inputs[peer].data(), own, bytes), bytes);
      }
    } else if (first.kind == OpKind::kAllGather || rank == first.root) {
      for (std::size_t peer = 0; peer < inputs.size(); ++peer)
        copy_bytes(at(output, peer, bytes), inputs[peer].data(), bytes);
    }
  }
  collective.is_done = true;
}

NcclResult FakeNcclApi::group_start() {
  const std::lock_guard lock(world_.mutex_);
  note("group {");
  ++group_depth_;
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::group_end() {
  const std::lock_guard lock(world_.mutex_);
  note("}");
  --group_depth_;
  const auto parts = std::make_shared<std::vector<World::Step>>(std::exchange(grouped_, {}));
  world_.stream(grouped_stream_).steps.emplace_back([parts] {
    std::erase_if(*parts, [](const World::Step& part) { return part(); });
    return parts->empty();
  });
  world_.run();
  return NcclResult::kSuccess;
}

// Under the world's mutex.
void FakeNcclApi::give(CudaStreamHandle stream, World::Step step) {
  if (group_depth_ > 0) {
    grouped_stream_ = stream;
    grouped_.push_back(std::move(step));
    return;
  }
  world_.stream(stream).steps.push_back(std::move(step));
  world_.run();
}

NcclResult FakeNcclApi::post(NcclCommHandle comm, CudaStreamHandle stream, World::Request request) {
  const std::lock_guard lock(world_.mutex_);
  note(std::string(to_string(request.kind)) + " " + std::to_string(request.count) + " " + to_string(request.type) +
       (request.kind == OpKind::kAllReduce || request.kind == OpKind::kReduceScatter
            ? std::string(" ") + to_string(request.op)
            : "") +
       (request.root >= 0 ? " root " + std::to_string(request.root) : ""));
  if (result_of_operations_ != NcclResult::kSuccess) return result_of_operations_;
  auto* caller = reinterpret_cast<World::Comm*>(comm);
  const auto index = caller->collectives++;
  give(stream, [this, caller, index, request] {
    if (caller->is_stopped) return true;
    auto& clique = *caller->clique;
    auto& collective = clique.collectives[index];
    const bool is_last = collective.by_rank.emplace(caller->rank, request).second &&
                         collective.by_rank.size() == static_cast<std::size_t>(clique.size);
    if (is_last) {
      const auto differs = [&](const auto& entry) { return !entry.second.fits(request); };
      if (std::ranges::any_of(collective.by_rank, differs)) {
        ++world_.mixed_operations_;
        return false;
      }
    }
    const bool is_complete = collective.by_rank.size() == static_cast<std::size_t>(clique.size);
    if (is_complete && !collective.is_done && !world_.is_held_ &&
        std::ranges::all_of(collective.by_rank, [&](const auto& entry) { return entry.second.fits(request); })) {
      world_.compute(clique, collective);
    }
    return collective.is_done;
  });
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::post_message(NcclCommHandle comm, CudaStreamHandle stream, bool is_send, int peer, void* data,
                                     std::size_t count, Dtype type) {
  const std::lock_guard lock(world_.mutex_);
  note((is_send ? "send " : "receive ") + std::to_string(count) + (is_send ? " to " : " from ") + std::to_string(peer));
  if (result_of_operations_ != NcclResult::kSuccess) return result_of_operations_;
  auto* caller = reinterpret_cast<World::Comm*>(comm);
  const auto index = caller->messages[{peer, is_send}]++;
  const World::Request request{is_send ? OpKind::kSend : OpKind::kReceive, data, data, count, type};
  give(stream, [this, caller, peer, is_send, index, request] {
    if (caller->is_stopped) return true;
    const auto pair = is_send ? std::pair(caller->rank, peer) : std::pair(peer, caller->rank);
    auto& message = caller->clique->messages[pair][index];
    (is_send ? message.sent : message.received) = request;
    if (message.is_done || !message.sent || !message.received || world_.is_held_) return message.is_done;
    if (message.sent->count != message.received->count || message.sent->type != message.received->type) {
      ++world_.mixed_operations_;
      return false;
    }
    copy_bytes(message.received->output, message.sent->input, request.count * size_of(request.type));
    return message.is_done = true;
  });
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::all_reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                                   NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kAllReduce, input, output, count, type, op});
}
NcclResult FakeNcclApi::reduce_scatter(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                                       NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kReduceScatter, input, output, count, type, op});
}
NcclResult FakeNcclApi::reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op, int root,
                               NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kReduce, input, output, count, type, op, root});
}
NcclResult FakeNcclApi::all_gather(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                                   CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kAllGather, input, output, count, type});
}
NcclResult FakeNcclApi::broadcast(const void* input, void* output, std::size_t count, Dtype type, int root,
                                  NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kBroadcast, input, output, count, type, ReduceOp::kSum, root});
}
NcclResult FakeNcclApi::gather(const void* input, void* output, std::size_t count, Dtype type, int root,
                               NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kGather, input, output, count, type, ReduceOp::kSum, root});
}
NcclResult FakeNcclApi::scatter(const void* input, void* output, std::size_t count, Dtype type, int root,
                                NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kScatter, input, output, count, type, ReduceOp::kSum, root});
}
NcclResult FakeNcclApi::all_to_all(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                                   CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kAllToAll, input, output, count, type});
}
NcclResult FakeNcclApi::send(const void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                             CudaStreamHandle stream) {
  return post_message(comm, stream, true, peer, const_cast<void*>(data), count, type);
}
NcclResult FakeNcclApi::receive(void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                                CudaStreamHandle stream) {
  return post_message(comm, stream, false, peer, data, count, type);
}

}  // namespace trireme::collectives::test
