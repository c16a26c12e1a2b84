#include "posting_communicator.h"

#include <algorithm>
#include <array>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

Signature signature(OpKind kind, const Buffer& counted, int root = -1, ReduceOp op = ReduceOp::kSum) {
  return {.count = counted.count, .root = root, .kind = kind, .dtype = counted.dtype, .op = op};
}

Buffer bytes_view(void* data, std::size_t bytes) { return {data, static_cast<std::int64_t>(bytes), Dtype::kUint8, {}}; }

void* block_of(const Buffer& whole, int rank, const Buffer& part) {
  return whole.slice(rank * part.count, part.count).data;
}

// Memory of no bytes.
class NoMemory final : public Memory {
 public:
  [[nodiscard]] void* data() const noexcept override { return nullptr; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return 0; }
};

std::shared_ptr<Engine> make_engine(std::unique_ptr<Transport> transport, const std::string& name,
                                    const std::vector<int>& members) {
  const FlightGroup group{.name = name,
                          .backend = std::string(transport->name()),
                          .rank = transport->rank(),
                          .size = transport->size(),
                          .members = members};
  return std::make_shared<Engine>(std::move(transport), group);
}

}  // namespace

PostingCommunicator::PostingCommunicator(std::unique_ptr<Transport> transport, std::string name)
    : PostingCommunicator(std::move(transport), std::move(name), {}) {}

PostingCommunicator::PostingCommunicator(std::unique_ptr<Transport> transport, std::string name,
                                         std::vector<int> members)
    : engine_(make_engine(std::move(transport), name, members)),
      rank_(engine_->transport().rank()),
      size_(engine_->transport().size()),
      name_(std::move(name)),
      members_(std::move(members)) {}

void PostingCommunicator::check_reachable(const Caller& caller, const Buffer& buffer, const char* name) const {
  check_buffer(caller, buffer, name);
  if (!transport().can_reach(buffer.device)) refuse_device(caller, buffer, name);
}

PostingCommunicator::~PostingCommunicator() { engine_->close(); }

MemoryPtr PostingCommunicator::allocate(std::size_t bytes) {
  const Buffer agreed = bytes_view(nullptr, bytes);
  engine_->post({.signature = signature(OpKind::kAllocate, agreed)})->wait();
  if (bytes == 0) return std::make_shared<NoMemory>();
  return engine_->run([&] { return transport().allocate(bytes); });
}

template <typename Options>
WorkPtr PostingCommunicator::post(const Signature& signature, const Buffer& input, const Buffer& output,
                                  const Options& options, int tag) {
  return engine_->post({.signature = signature,
                        .input = input,
                        .output = output,
                        .tag = tag,
                        .timeout = options.timeout,
                        .stream = options.stream});
}

WorkPtr PostingCommunicator::all_reduce(Buffer input, Buffer output, const ReduceOptions& options) {
  const Caller caller{OpKind::kAllReduce, rank_, size_};
  check_reachable(caller, input, "input");
  check_reachable(caller, output, "output");
  check_same_shape(caller, input, output);
  check_reduction(caller, input.dtype, options.op);
  check_overlap(caller, input, output, input.data);
  return post(signature(caller.kind, input, -1, options.op), input, output, options);
}

WorkPtr PostingCommunicator::reduce_scatter(Buffer input, Buffer output, const ReduceOptions& options) {
  const Caller caller{OpKind::kReduceScatter, rank_, size_};
  check_reachable(caller, input, "input");
  check_reachable(caller, output, "output");
  check_blocks(caller, input, output);
  check_reduction(caller, input.dtype, options.op);
  check_overlap(caller, input, output, block_of(input, rank_, output));
  return post(signature(caller.kind, output, -1, options.op), input, output, options);
}

WorkPtr PostingCommunicator::all_gather(Buffer input, Buffer output, const CommOptions& options) {
  const Caller caller{OpKind::kAllGather, rank_, size_};
  check_reachable(caller, input, "input");
  check_reachable(caller, output, "output");
  check_blocks(caller, output, input);
  check_overlap(caller, output, input, block_of(output, rank_, input));
  return post(signature(caller.kind, input), input, output, options);
}

WorkPtr PostingCommunicator::broadcast(Buffer buffer, int root, const CommOptions& options) {
  const Caller caller{OpKind::kBroadcast, rank_, size_};
  check_reachable(caller, buffer, "buffer");
  check_rank(caller, root, "root");
  return post(signature(caller.kind, buffer, root), buffer, buffer, options);
}

WorkPtr PostingCommunicator::reduce(Buffer input, Buffer output, int root, const ReduceOptions& options) {
  const Caller caller{OpKind::kReduce, rank_, size_};
  check_reachable(caller, input, "input");
  check_rank(caller, root, "root");
  check_reduction(caller, input.dtype, options.op);
  if (rank_ == root) {
    check_reachable(caller, output, "output");
    check_same_shape(caller, input, output);
    check_overlap(caller, input, output, input.data);
  }
  return post(signature(caller.kind, input, root, options.op), input, output, options);
}

WorkPtr PostingCommunicator::gather(Buffer input, Buffer output, int root, const CommOptions& options) {
  const Caller caller{OpKind::kGather, rank_, size_};
  check_reachable(caller, input, "input");
  check_rank(caller, root, "root");
  if (rank_ == root) {
    check_reachable(caller, output, "output");
    check_blocks(caller, output, input);
    check_overlap(caller, output, input, block_of(output, rank_, input));
  }
  return post(signature(caller.kind, input, root), input, output, options);
}

WorkPtr PostingCommunicator::scatter(Buffer input, Buffer output, int root, const CommOptions& options) {
  const Caller caller{OpKind::kScatter, rank_, size_};
  check_reachable(caller, output, "output");
  check_rank(caller, root, "root");
  if (rank_ == root) {
    check_reachable(caller, input, "input");
    check_blocks(caller, input, output);
    check_overlap(caller, input, output, block_of(input, rank_, output));
  }
  return post(signature(caller.kind, output, root), input, output, options);
}

WorkPtr PostingCommunicator::all_to_all(Buffer input, Buffer output, const CommOptions& options) {
  const Caller caller{OpKind::kAllToAll, rank_, size_};
  check_reachable(caller, input, "input");
  check_reachable(caller, output, "output");
  check_same_shape(caller, input, output);
  check_blocks(caller, input, input.slice(0, input.count / size_));
  check_overlap(caller, input, output, input.data);
  return post(signature(caller.kind, input), input, output, options);
}

WorkPtr PostingCommunicator::send(Buffer buffer, int peer, int tag, const CommOptions& options) {
  const Caller caller{OpKind::kSend, rank_, size_};
  check_reachable(caller, buffer, "buffer");
  check_rank(caller, peer, "peer");
  check_tag(caller, tag, transport().has_tags());
  return post(signature(caller.kind, buffer, peer), buffer, {}, options, tag);
}

WorkPtr PostingCommunicator::receive(Buffer buffer, int peer, int tag, const CommOptions& options) {
  const Caller caller{OpKind::kReceive, rank_, size_};
  check_reachable(caller, buffer, "buffer");
  check_rank(caller, peer, "peer");
  check_tag(caller, tag, transport().has_tags());
  return post(signature(caller.kind, buffer, peer), {}, buffer, options, tag);
}

void PostingCommunicator::barrier(const CommOptions& options) {
  post(signature(OpKind::kBarrier, bytes_view(nullptr, 0)), {}, {}, options)->wait();
}

// Sizes first; then everybody's bytes padded to the longest, so that one all_gather moves them.
std::vector<std::string> PostingCommunicator::all_gather_bytes(std::string_view bytes, const CommOptions& options) {
  auto size = static_cast<std::int64_t>(bytes.size());
  std::vector<std::int64_t> sizes(size_);
  all_gather(view(&size, 1), view(sizes.data(), size_), options)->wait();
  const auto longest = static_cast<std::size_t>(*std::ranges::max_element(sizes));
  std::string own(bytes);
  own.resize(longest);
  std::string all(longest * size_, '\0');
  all_gather(bytes_view(own.data(), longest), bytes_view(all.data(), all.size()), options)->wait();
  std::vector<std::string> result;
  for (int rank = 0; rank < size_; ++rank) result.push_back(all.substr(rank * longest, sizes[rank]));
  return result;
}

std::string PostingCommunicator::broadcast_bytes(std::string_view bytes, int root, const CommOptions& options) {
  auto size = static_cast<std::int64_t>(bytes.size());
  broadcast(view(&size, 1), root, options)->wait();
  std::string result(rank_ == root ? bytes : std::string_view{});
  result.resize(static_cast<std::size_t>(size));
  broadcast(bytes_view(result.data(), result.size()), root, options)->wait();
  return result;
}

std::unique_ptr<Communicator> PostingCommunicator::make_subgroup(std::unique_ptr<Transport> transport,
                                                                 const Subgroup& group,
                                                                 std::vector<int> members) const {
  return std::unique_ptr<PostingCommunicator>(new PostingCommunicator(
      std::move(transport), message("{}/split{}.{}", name_, group.ordinal, group.color), std::move(members)));
}

std::unique_ptr<Communicator> PostingCommunicator::split(int color, int key) {
  if (transport().splits_itself()) {
    engine_->check_alive("split");
    const Subgroup group{.color = color, .key = key, .ordinal = splits_++};
    auto part = engine_->run([&] { return transport().split(group); });
    if (!part) return nullptr;
    auto members = part->members();
    return make_subgroup(std::move(part), group, std::move(members));
  }
  std::array<std::int32_t, 2> own = {color, key};
  std::vector<std::int32_t> all(2 * static_cast<std::size_t>(size_));
  all_gather(view(own.data(), 2), view(all.data(), 2 * static_cast<std::int64_t>(size_)), {})->wait();
  Subgroup group{.color = color, .key = key, .ordinal = splits_++};
  for (int rank = 0; rank < size_; ++rank) {
    if (all[2 * rank] == color) group.members.push_back(rank);
  }
  std::ranges::stable_sort(group.members, {}, [&](int rank) { return all[2 * rank + 1]; });
  group.rank = static_cast<int>(std::ranges::find(group.members, rank_) - group.members.begin());
  auto part = engine_->run([&] { return transport().split(group); });
  if (!part) return nullptr;
  auto members = group.members;
  for (auto& member : members) member = members_.empty() ? member : members_[static_cast<std::size_t>(member)];
  return make_subgroup(std::move(part), group, std::move(members));
}

void PostingCommunicator::begin_group() {
  engine_->check_alive("begin_group");
  transport().begin_group();
}

void PostingCommunicator::end_group() {
  (void)engine_->run([&] { return transport().end_group(); });
}

void PostingCommunicator::abort(std::string_view reason) {
  engine_->abort(message("rank {}/{} aborted: {}", rank_, size_, reason));
}

}  // namespace trireme::collectives
